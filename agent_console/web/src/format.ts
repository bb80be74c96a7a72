/** Numbers, times and durations, in the reader's language; times by the site's clock. */
import { language, locale } from "./language";
import { siteZone } from "./zone";

const formats = new Map<string, Intl.DateTimeFormat | Intl.NumberFormat>();

function dates(name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const zone = siteZone.value;
  const key = `${name} ${language.value} ${zone}`;
  let found = formats.get(key);
  if (!found) {
    found = new Intl.DateTimeFormat(locale(), zone ? { ...options, timeZone: zone } : options);
    formats.set(key, found);
  }
  return found as Intl.DateTimeFormat;
}

function numbers(name: string, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = `${name} ${language.value}`;
  let found = formats.get(key);
  if (!found) formats.set(key, (found = new Intl.NumberFormat(locale(), options)));
  return found as Intl.NumberFormat;
}

export const NOTHING = "—";

/** A running or finished duration: 7:05, 1:02:03. Whole seconds, never negative. */
export function clock(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return NOTHING;
  const whole = Math.max(0, Math.floor(seconds));
  const two = (n: number): string => String(n).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

export function count(value: number | null | undefined): string {
  if (value === null || value === undefined) return NOTHING;
  return numbers("count", { maximumFractionDigits: 0 }).format(value);
}

/** A share between 0 and 1: 79.6 %. */
export function percent(value: number | null | undefined, digits = 1): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NOTHING;
  return numbers(`percent${digits}`, {
    style: "percent",
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(value);
}

export const timeOfDay = (at: number): string =>
  dates("time", { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(at * 1000);

export const hourMinute = (at: number): string =>
  dates("hm", { hour: "2-digit", minute: "2-digit" }).format(at * 1000);

export const day = (at: number): string =>
  dates("day", { day: "numeric", month: "short", year: "numeric" }).format(at * 1000);

export const dayAndTime = (at: number): string =>
  dates("both", {
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
  }).format(at * 1000);
