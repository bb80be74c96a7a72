/** The span that figures are shown for: one choice for all tables and the wall, remembered. */
import { signal } from "@preact/signals";
import { store } from "../../console";
import { clock, count, NOTHING, percent } from "../../format";
import { say, words } from "../../language";
import { remember, remembered } from "../../memory";
import type { Definition, FigureSet, FigureValues, Scope, Window } from "../../protocol";

export const WINDOWS: Window[] = ["15", "30", "60", "interval", "day"];
const SWITCHED: Window[] = ["15", "30", "60", "day"];

const before = remembered("figures-window");

export const shownWindow = signal<Window>(WINDOWS.find((one) => one === before) ?? "day");

function choose(window: Window): void {
  shownWindow.value = window;
  remember("figures-window", window);
}

export function WindowSwitch() {
  const t = words();
  return (
    <span class="segments" role="group" aria-label={t.windows.choose}>
      {SWITCHED.map((window) => (
        <button
          key={window}
          aria-pressed={shownWindow.value === window}
          data-testid={`window-${window}`}
          data-tip={t.windows.hints[window]}
          onClick={() => choose(window)}
        >
          {t.windows.names[window]}
        </button>
      ))}
    </span>
  );
}

export const figuresOf = (scope: Scope, id: string): FigureSet | undefined => store.get("figures", `${scope}:${id}`);

/** The figures of the chosen window; undefined on a server that has none. */
export const chosenFigures = (scope: Scope, id: string): FigureValues | undefined =>
  figuresOf(scope, id)?.windows[shownWindow.value];

export const definition = (id: string): Definition | undefined =>
  store.one("definitions")?.figures.find((one) => one.id === id);

/** The name of a figure, with its meaning, formula and version on hover and focus. */
export function Defined({ id, name }: { id: string; name?: string }) {
  const known = definition(id);
  if (!known) return <>{name ?? id}</>;
  const label = say(known.name);
  const tip = [name && name !== label ? `${label}:` : "", say(known.formula), `· v${known.version}`];
  return (
    <span class="figure" tabIndex={0} data-tip={tip.filter(Boolean).join(" ")}>
      {name ?? label}
    </span>
  );
}

/** A figure as people read it, by its unit. */
export function figureText(known: Definition, value: number | null | undefined): string {
  if (value === null || value === undefined) return NOTHING;
  if (known.unit === "share") return percent(value);
  if (known.unit === "s") return clock(value);
  return Number.isInteger(value) ? count(value) : value.toFixed(2);
}
