/** Keyboard shortcuts of the desk: single letters rest while somebody types in a field. */
import { signal } from "@preact/signals";
import { remember, remembered } from "../../memory";

/** Single-key shortcuts can be switched off, for speech input and the like. */
export const singleKeys = signal(remembered("single-keys") !== "off");

export function setSingleKeys(on: boolean): void {
  singleKeys.value = on;
  remember("single-keys", on ? null : "off");
}

export type Keys = Record<string, () => void>;

function typing(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName))
  );
}

/** "Ctrl+Enter" for a chord, else the key itself, letters in upper case. */
function nameOf(event: KeyboardEvent): string {
  const key = event.key.length === 1 ? event.key.toUpperCase() : event.key;
  return event.ctrlKey || event.metaKey ? `Ctrl+${key}` : key;
}

export function listen(keys: () => Keys): () => void {
  const hear = (event: KeyboardEvent): void => {
    if (event.altKey || event.repeat || event.isComposing) return;
    const name = nameOf(event);
    const isChord = name.startsWith("Ctrl+");
    if (!isChord && (typing(event.target) || !singleKeys.peek())) return;
    if (document.querySelector("dialog[open]")) return;
    // Enter and the space bar belong to the button that has the focus.
    if (name === "Enter" && event.target instanceof Element && event.target.closest("button, a")) return;
    const act = keys()[name];
    if (!act) return;
    event.preventDefault();
    act();
  };
  window.addEventListener("keydown", hear);
  return () => window.removeEventListener("keydown", hear);
}
