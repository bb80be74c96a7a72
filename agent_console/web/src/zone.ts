/** Days as the site counts them: in its own time zone, wherever the reader is. */

import { signal } from "@preact/signals";

/** The site's own zone, once the server has told it: every time in the console is by this clock. */
export const siteZone = signal("");

/** A zone that this browser does not know is passed over for the reader's own. */
export function keepSiteZone(zone: string): void {
  try {
    if (zone) new Intl.DateTimeFormat("en", { timeZone: zone });
    siteZone.value = zone;
  } catch {
    siteZone.value = "";
  }
}

/** Which clock the times are by. */
export const shownZone = (): string => siteZone.value || browserZone();

/** The zone in the reader's language, with its place: "Eastern Standard Time, America/Toronto". */
export function zoneName(zone: string, at: number, locale: string): string {
  const parts = new Intl.DateTimeFormat(locale, { timeZone: zone, timeZoneName: "long" }).formatToParts(at * 1000);
  const name = parts.find((part) => part.type === "timeZoneName")?.value ?? "";
  return name && name !== zone ? `${name}, ${zone}` : zone;
}

/** True when the site's clock shows another time than the reader's own. */
export const isOtherClock = (at: number): boolean => ahead_s(shownZone(), at) !== ahead_s(browserZone(), at);

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
