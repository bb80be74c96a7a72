/** The server's time, as well as this page knows it, ticking once a second for timers. */
import { signal } from "@preact/signals";

let ahead_s = 0;

/** The server said what time it is; `took_s` is how long the question travelled, if known. */
export function heardTime(now: number, took_s = 0): void {
  ahead_s = now + took_s / 2 - Date.now() / 1000;
}

/** Server time, now. */
export function serverNow(): number {
  return Date.now() / 1000 + ahead_s;
}

/** Server time once a second: reading it redraws the reader each second. */
export const second = signal(serverNow());

export function startClock(): void {
  const tick = (): void => {
    second.value = serverNow();
    // Aim shortly after the next full second, so that all timers step together.
    window.setTimeout(tick, 1010 - ((serverNow() * 1000) % 1000));
  };
  tick();
}
