/** Small pieces that several pages show. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { ReadonlySignal } from "@preact/signals";
import { second, serverNow } from "../clock";
import { clock } from "../format";
import { locale, wordFor, words } from "../language";
import { isOtherClock, shownZone, zoneName } from "../zone";
import type { Words } from "../words/en";

/** Counts up from a moment, each second. */
export function Since({ at, testid }: { at: number | null; testid?: string }) {
  return (
    <span class="figures" data-testid={testid}>
      {at === null ? words().app.none : clock(second.value - at)}
    </span>
  );
}

/** Counts down to a moment. */
export function Until({ at }: { at: number }) {
  return <span class="figures">{clock(at - second.value)}</span>;
}

export const stateClass = (state: string): string => `state-${state.replace(/[^a-z]/g, "-")}`;

export const stateWord = (state: string): string => wordFor(words().states, state);

export function StateChip({ state, reason }: { state: string; reason?: string }) {
  return (
    <span class={`chip ${stateClass(state)}`}>
      <i class="dot" />
      {stateWord(state)}
      {reason ? <span class="chip-reason">{reason}</span> : null}
    </span>
  );
}

/** The name of a figure with its definition on hover and focus. */
export function Figure({ of, name }: { of: keyof Words["figures"]; name?: string }) {
  const figure = words().figures[of];
  return (
    <span class="figure" tabIndex={0} data-tip={figure.formula}>
      {name ?? figure.name}
    </span>
  );
}

/** A level between 0 and 1 as a bar. */
export function Meter({ level, label }: { level: ReadonlySignal<number>; label: string }) {
  const bar = useRef<HTMLElement>(null);
  useEffect(
    () =>
      level.subscribe((value) => {
        // Set directly: redrawing fifteen times a second is not worth it.
        if (bar.current) bar.current.style.transform = `scaleX(${value.toFixed(3)})`;
      }),
    [level],
  );
  return (
    <span class="meter" role="img" aria-label={label} data-tip={label} data-testid="mic-level">
      <i ref={bar} />
    </span>
  );
}

/** A panel from the right; Escape and a click beside it close it. */
export function Drawer(props: { title: string; onClose: () => void; wide?: boolean; children: ComponentChildren }) {
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    box.current?.showModal();
    return () => (before instanceof HTMLElement ? before.focus() : undefined);
  }, []);
  return (
    <dialog
      ref={box}
      class={props.wide ? "drawer wide" : "drawer"}
      aria-label={props.title}
      data-testid="drawer"
      onClose={props.onClose}
      onClick={(event) => event.target === box.current && box.current?.close()}
    >
      <div class="drawer-inside">
        <header>
          <h2>{props.title}</h2>
          <button class="bare" aria-label={words().app.close} onClick={() => box.current?.close()}>
            ×
          </button>
        </header>
        {props.children}
      </div>
    </dialog>
  );
}

/** By which clock the times are, where the reader's own shows another time. */
export function ZoneNote({ always = false }: { always?: boolean }) {
  const now = serverNow();
  if (!always && !isOtherClock(now)) return null;
  const zone = shownZone();
  return (
    <small class="muted" data-testid="zone">
      {words().time.zone(zoneName(zone, now, locale()))}
    </small>
  );
}

/** A table that may be wider than its place: what is hidden is hinted at, keys and wheel reach it. */
export function ScrollX({ label, children }: { label: string; children: ComponentChildren }) {
  const box = useRef<HTMLDivElement>(null);
  const [hidden, setHidden] = useState("");
  useEffect(() => {
    const at = box.current;
    if (!at) return undefined;
    const look = (): void => {
      const left = at.scrollLeft > 1;
      const right = at.scrollLeft + at.clientWidth < at.scrollWidth - 1;
      setHidden(left && right ? "both" : left ? "left" : right ? "right" : "");
    };
    const watcher = new ResizeObserver(look);
    watcher.observe(at);
    if (at.firstElementChild) watcher.observe(at.firstElementChild);
    at.addEventListener("scroll", look, { passive: true });
    return () => {
      watcher.disconnect();
      at.removeEventListener("scroll", look);
    };
  }, []);
  const t = words();
  return (
    <div class="scroll-frame" data-hidden={hidden}>
      {hidden ? (
        <button
          type="button"
          class="scroll-hint"
          onClick={() => {
            const most = 0.8 * (box.current?.clientWidth ?? 0);
            box.current?.scrollBy({ left: hidden === "left" ? -9999 : most, behavior: "smooth" });
          }}
        >
          {hidden === "left" ? t.app.moreLeft : t.app.moreRight}
        </button>
      ) : null}
      <div class="scroll-x" ref={box} role="region" aria-label={label} tabIndex={hidden ? 0 : -1}>
        {children}
      </div>
    </div>
  );
}

export interface MenuItem {
  id: string;
  label: string;
  class?: string;
}

const EDGE_px = 8;

/** Puts the list below its button, or above where there is no room; no table cuts it off. */
function place(menu: HTMLElement | null): void {
  const button = menu?.querySelector("button")?.getBoundingClientRect();
  const list = menu?.querySelector<HTMLElement>(".menu-list");
  if (!button || !list) return;
  const below = button.bottom + 5;
  const fits = below + list.offsetHeight < window.innerHeight - EDGE_px;
  list.style.top = `${fits ? below : Math.max(EDGE_px, button.top - list.offsetHeight - 5)}px`;
  const most = window.innerWidth - list.offsetWidth - EDGE_px;
  list.style.left = `${Math.max(EDGE_px, Math.min(button.left, most))}px`;
}

/** A button that opens a list of choices: arrows move, Escape closes. */
export function Menu(props: {
  label: ComponentChildren;
  title: string;
  items: MenuItem[];
  onChoose: (id: string) => void;
  class?: string;
  disabled?: boolean;
  tip?: string | undefined;
  testid: string;
  busy?: boolean;
}) {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return undefined;
    place(box.current);
    box.current?.querySelector<HTMLElement>("[role=menuitem]")?.focus();
    const outside = (event: Event): void => {
      if (!box.current?.contains(event.target as Node)) setOpen(false);
    };
    // The list does not scroll along: it closes instead.
    const scrolled = (): void => setOpen(false);
    document.addEventListener("pointerdown", outside);
    document.addEventListener("scroll", scrolled, true);
    return () => {
      document.removeEventListener("pointerdown", outside);
      document.removeEventListener("scroll", scrolled, true);
    };
  }, [open]);
  const keys = (event: KeyboardEvent): void => {
    if (!open) return;
    const items = [...(box.current?.querySelectorAll<HTMLElement>("[role=menuitem]") ?? [])];
    const now = items.indexOf(document.activeElement as HTMLElement);
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step) items[(now + step + items.length) % items.length]?.focus();
    else if (event.key === "Escape") {
      setOpen(false);
      box.current?.querySelector<HTMLElement>("button")?.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class="menu" ref={box} onKeyDown={keys}>
      <button
        type="button"
        class={`button ${props.class ?? ""} ${props.busy ? "pending" : ""}`}
        aria-haspopup="menu"
        aria-expanded={open}
        aria-label={typeof props.label === "string" ? undefined : props.title}
        disabled={props.disabled}
        data-tip={props.tip}
        data-testid={props.testid}
        onClick={() => setOpen(!open)}
      >
        {props.label}
      </button>
      {open ? (
        <div class="menu-list" role="menu" aria-label={props.title}>
          <p class="menu-title">{props.title}</p>
          {props.items.map((item) => (
            <button
              key={item.id}
              type="button"
              role="menuitem"
              class={item.class}
              data-testid={`${props.testid}-${item.id || "none"}`}
              onClick={() => {
                setOpen(false);
                props.onChoose(item.id);
              }}
            >
              {item.label}
            </button>
          ))}
        </div>
      ) : null}
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p>{title}</p>
      {children ? <small>{children}</small> : null}
    </div>
  );
}
