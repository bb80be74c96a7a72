/** When a figure is a warning and when it is an alarm. Colour never stands alone: the figure does. */
import type { QueueLive } from "../../protocol";

export type Level = "" | "warn" | "bad";

/** A service level below the target is a warning; a tenth of the way further below is an alarm. */
export function reached(level: number | null, target: number): Level {
  if (level === null || level >= target) return "";
  return level < target - 0.1 ? "bad" : "warn";
}

/** Longer than the threshold is a warning, longer than three times as long an alarm. */
export function wait(waited_s: number | null, threshold_s: number): Level {
  if (waited_s === null || waited_s <= threshold_s) return "";
  return waited_s > 3 * threshold_s ? "bad" : "warn";
}

export function abandonRate(rate: number | null): Level {
  if (rate === null || rate <= 0.05) return "";
  return rate > 0.1 ? "bad" : "warn";
}

type Counted = Pick<
  QueueLive,
  "answered" | "abandoned" | "flowed_out" | "short_abandoned" | "service_level"
>;

/** The standard service level of several queues together: each one's sum back, then divided. */
export function levelOfAll(queues: readonly Counted[]): number | null {
  let within = 0;
  let counted = 0;
  for (const queue of queues) {
    const level = queue.service_level.standard;
    if (level === null) continue;
    const calls = queue.answered + queue.abandoned + queue.flowed_out - queue.short_abandoned;
    counted += calls;
    within += level * calls;
  }
  return counted > 0 ? within / counted : null;
}
