/** Teams and agents by their figures; and every figure of one of them, or of a queue. */
import { store } from "../../console";
import { clock, count, percent } from "../../format";
import { say, words } from "../../language";
import { Drawer, ScrollX } from "../../parts/parts";
import type { Definition, FigureSet, FigureValues, Scope } from "../../protocol";
import { chosenFigures, Defined, definition, figuresOf, figureText, WINDOWS } from "./windows";

export interface Chosen {
  scope: Scope;
  id: string;
}

interface Column {
  figure: string;
  of: (value: number | null | undefined) => string;
}

const COLUMNS: Column[] = [
  { figure: "answered", of: count },
  { figure: "aht_s", of: clock },
  { figure: "acw_s", of: clock },
  { figure: "occupancy", of: (value) => percent(value, 0) },
  { figure: "utilisation", of: (value) => percent(value, 0) },
  { figure: "transfer_rate", of: percent },
];

const named = (a: FigureSet, b: FigureSet): number => say(a.label).localeCompare(say(b.label));

export function Groups({ scope, onOpen }: { scope: "team" | "agent"; onOpen: (chosen: Chosen) => void }) {
  const t = words();
  const sets = store
    .all("figures")
    .filter((set) => set.scope === scope)
    .sort(named);
  const team = scope === "team";
  if (!sets.length) return <p class="muted pad">{team ? t.figureTabs.noTeams : t.floor.noAgents}</p>;
  return (
    <ScrollX label={t.figureTabs.names[scope]}>
      <table class="table" data-testid={`figures-${scope}`}>
        <thead>
          <tr>
            <th>{team ? t.figureTabs.team : t.floor.agent}</th>
            {team ? (
              <>
                <th class="number">
                  <Defined id="signed_in" />
                </th>
                <th class="number">
                  <Defined id="ready" />
                </th>
              </>
            ) : null}
            {COLUMNS.map((column) => (
              <th key={column.figure} class="number">
                <Defined id={column.figure} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sets.map((set) => (
            <GroupRow key={set.id} set={set} team={team} onOpen={onOpen} />
          ))}
        </tbody>
      </table>
    </ScrollX>
  );
}

function GroupRow({ set, team, onOpen }: { set: FigureSet; team: boolean; onOpen: (chosen: Chosen) => void }) {
  const values: FigureValues = chosenFigures(set.scope, set.id) ?? {};
  const away = team ? !set.now["signed_in"] : store.get("agent", set.id)?.state === "offline";
  return (
    <tr class={away ? "dim" : ""} data-testid={`figures-${set.scope}-${set.id}`}>
      <th scope="row" class="nowrap">
        <button class="bare link" onClick={() => onOpen({ scope: set.scope, id: set.id })}>
          {say(set.label)}
        </button>
      </th>
      {team ? (
        <>
          <td class="number figures">{count(set.now["signed_in"])}</td>
          <td class="number figures">{count(set.now["ready"])}</td>
        </>
      ) : null}
      {COLUMNS.map((column) => (
        <td key={column.figure} class="number figures">
          {column.of(values[column.figure])}
        </td>
      ))}
    </tr>
  );
}

/** Whether the two books agree; the numbers on hover, and in words when they do not. */
export function BooksMark({ id }: { id: string }) {
  const t = words();
  const set = figuresOf("queue", id);
  const day = set?.windows.day;
  if (!set || !day) return null;
  const wrong = Object.entries(set.books);
  const out = wrong.length > 0 || day["books"] !== 0;
  const [o, h, a, f, w] = ["offered", "answered", "abandoned", "flowed_out", "still_waiting"].map((name) => count(day[name]));
  const sum = `${o} = ${h} + ${a} + ${f} + ${w}`;
  const told = wrong.map(([name, [engine, records]]) => t.books.differs(name, engine, records));
  return (
    <span
      class={`books-mark ${out ? "bad-text" : "good-text"}`}
      role="img"
      tabIndex={0}
      data-testid={`books-${id}`}
      data-tip={out ? `${t.books.out} ${told.join("; ") || sum}` : t.books.balance(sum)}
      aria-label={out ? t.books.out : t.books.balance(sum)}
    >
      {out ? "≠" : "✓"}
    </span>
  );
}

/** Every figure of one, in every window, with what it means. */
export function FiguresDrawer({ chosen, onClose }: { chosen: Chosen; onClose: () => void }) {
  const t = words();
  const set = figuresOf(chosen.scope, chosen.id);
  const all = (store.one("definitions")?.figures ?? []).filter((one) => one.scopes.includes(chosen.scope));
  return (
    <Drawer title={set ? say(set.label) : chosen.id} onClose={onClose} wide>
      {set ? (
        <>
          <NowList set={set} all={all.filter((one) => one.now && set.now[one.id] !== undefined)} />
          <ScrollX label={t.figureTabs.every}>
            <table class="table all-figures" data-testid="all-figures">
              <thead>
                <tr>
                  <th>{t.figureTabs.figure}</th>
                  {WINDOWS.map((window) => (
                    <th key={window} class="number nowrap">
                      <span data-tip={t.windows.hints[window]} tabIndex={0}>
                        {t.windows.names[window]}
                      </span>
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {all
                  .filter((one) => !one.now)
                  .map((one) => (
                    <tr key={one.id} data-testid={`figure-${one.id}`}>
                      <th scope="row">
                        {say(one.name)}
                        <small class="muted block formula">
                          {say(one.formula)} · v{one.version}
                        </small>
                      </th>
                      {WINDOWS.map((window) => (
                        <td key={window} class="number figures">
                          {figureText(one, set.windows[window][one.id])}
                        </td>
                      ))}
                    </tr>
                  ))}
              </tbody>
            </table>
          </ScrollX>
        </>
      ) : (
        <p class="muted">{t.app.loading}</p>
      )}
    </Drawer>
  );
}

function NowList({ set, all }: { set: FigureSet; all: Definition[] }) {
  if (!all.length) return null;
  return (
    <dl class="now-figures">
      {all.map((one) => (
        <div key={one.id}>
          <dt>
            <Defined id={one.id} />
          </dt>
          <dd class="figures">{figureText(one, set.now[one.id])}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Whether the server tells a figure of this moment for any queue: a column is worth it then. */
export const anyTells = (figure: string): boolean =>
  definition(figure) !== undefined &&
  store.all("figures").some((set) => set.scope === "queue" && (set.now[figure] ?? null) !== null);
