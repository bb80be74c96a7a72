/** `/?dial=+14165550123`: a link of another program that fills in a new call, and no more. */
import { signal } from "@preact/signals";

const LONGEST = 40;

/** The number that a link brought; "" when there is none (any more). */
export const wantedNumber = signal("");

/** Takes it out of the address, so that a reload does not ask again. */
export function takeDialLink(): void {
  const here = new URL(location.href);
  const number = here.searchParams.get("dial");
  if (number === null) return;
  // A plus sign in an address means a space, and people write it all the same.
  wantedNumber.value = number.replace(/^ (?=[0-9])/, "+").slice(0, LONGEST);
  here.searchParams.delete("dial");
  history.replaceState(null, "", here.pathname + here.search + here.hash);
}
