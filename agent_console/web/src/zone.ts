/** Days as the site counts them: in its own time zone, wherever the reader is. */

/** How far the zone's wall clock is ahead of UTC at this moment, in seconds. */
function ahead_s(zone: string, at: number): number {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  }).formatToParts(at * 1000);
  const get = (name: string): number => Number(parts.find((part) => part.type === name)?.value);
  const wall = Date.UTC(get("year"), get("month") - 1, get("day"), get("hour"), get("minute"), get("second"));
  return wall / 1000 - Math.floor(at);
}

export const browserZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;

/** The calendar day of a moment: "2026-11-24". */
export function dayOf(at: number, zone: string): string {
  return new Date((at + ahead_s(zone, at)) * 1000).toISOString().slice(0, 10);
}

/** When that day begins. Across a change of the clocks the second look is right. */
export function midnight(day: string, zone: string): number {
  const utc = Date.parse(`${day}T00:00:00Z`) / 1000;
  const near = utc - ahead_s(zone, utc);
  return utc - ahead_s(zone, near);
}

export function dayAfter(day: string, by: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + by * 86_400_000).toISOString().slice(0, 10);
}
