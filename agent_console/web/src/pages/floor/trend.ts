/** What waiting and service level were since this page was opened, kept in this page only. */
import { signal } from "@preact/signals";
import { serverNow } from "../../clock";
import { live, store } from "../../console";
import { levelOfAll } from "./levels";

export interface Trend {
  at: number[];
  waiting: number[];
  /** All queues together. */
  level: (number | null)[];
}

const EVERY_ms = 5000;
const KEPT = 1440;

export const trend = signal<Trend>({ at: [], waiting: [], level: [] });

function sample(): void {
  if (live.connection.peek() !== "open") return;
  const queues = store.all("queue");
  const before = trend.peek();
  trend.value = {
    at: [...before.at, Math.round(serverNow())].slice(-KEPT),
    waiting: [...before.waiting, queues.reduce((all, queue) => all + queue.waiting, 0)].slice(-KEPT),
    level: [...before.level, levelOfAll(queues)].slice(-KEPT),
  };
}

let timer: ReturnType<typeof setInterval> | undefined;

/** Goes on while other pages are shown, so that coming back finds no gap. */
export function startTrend(): void {
  if (timer !== undefined) return;
  sample();
  timer = setInterval(sample, EVERY_ms);
}
