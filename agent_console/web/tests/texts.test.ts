import { expect, test } from "vitest";
import { clock, hourMinute, percent } from "../src/format";
import { chooseLanguage, say, wordFor, words } from "../src/language";
import { levelOfAll } from "../src/pages/floor/levels";
import type { QueueLive } from "../src/protocol";
import { en } from "../src/words/en";
import { zh } from "../src/words/zh";
import { dayAfter, dayOf, keepSiteZone, midnight, zoneName } from "../src/zone";

function keys(value: object, at = ""): string[] {
  return Object.entries(value).flatMap(([key, inner]) =>
    typeof inner === "object" && inner !== null ? keys(inner as object, `${at}${key}.`) : [at + key],
  );
}

test("both languages have the same texts, the open tables included, which the compiler cannot see", () => {
  expect(keys(zh).sort()).toEqual(keys(en).sort());
});

test("Chinese texts are Chinese: nothing was left in English by mistake", () => {
  const texts = JSON.stringify(zh, (_, value: unknown) => (typeof value === "function" ? undefined : value));
  const allowed = new Set(["SIP", "HTTPS", "Chrome", "Edge", "Firefox", "Safari", "CSV", "English"]);
  const untranslated = Object.entries(flat(zh)).filter(
    ([key, text]) =>
      !/[\u4e00-\u9fff]/.test(text) && !["app.otherLanguage", "app.switchLanguage", "app.none", "detail.after"].includes(key) && !allowed.has(text),
  );
  expect(texts.length).toBeGreaterThan(1000);
  expect(untranslated.filter(([, text]) => /[A-Za-z]{4,}/.test(text))).toEqual([]);
});

function flat(value: object, at = ""): Record<string, string> {
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) =>
      typeof inner === "string"
        ? [[at + key, inner]]
        : typeof inner === "object" && inner !== null
          ? Object.entries(flat(inner as object, `${at}${key}.`))
          : [],
    ),
  );
}

test("a server's text comes in the chosen language, else in English, else in any", () => {
  chooseLanguage("zh");
  expect(say({ en: "Lunch", zh: "午餐" })).toBe("午餐");
  expect(say({ en: "Lunch" })).toBe("Lunch");
  expect(say({ fr: "Déjeuner" })).toBe("Déjeuner");
  expect(say(undefined)).toBe("");
  expect(words().desk.ready).toBe("就绪");
  chooseLanguage("en");
});

test("a code that is the name of an object's built-in property is only a code", () => {
  expect(wordFor(en.outcomes, "constructor")).toBe("constructor");
  expect(wordFor(en.outcomes, "abandoned")).toBe("Abandoned");
});

test.each([
  [null, "—"],
  [-3, "0:00"],
  [0, "0:00"],
  [59.9, "0:59"],
  [61, "1:01"],
  [3723, "1:02:03"],
  [Number.NaN, "—"],
])("a duration of %s s reads %s", (seconds, text) => {
  expect(clock(seconds)).toBe(text);
});

test("shares are percentages with one digit, and nothing is not zero", () => {
  expect(percent(0.7956)).toBe("79.6%");
  expect(percent(0)).toBe("0.0%");
  expect(percent(null)).toBe("—");
});

test("the service level of several queues is that of all their calls, not an average of shares", () => {
  const queue = (answered: number, standard: number | null): QueueLive =>
    ({ answered, abandoned: 0, flowed_out: 0, short_abandoned: 0, service_level: { standard } }) as QueueLive;
  expect(levelOfAll([queue(90, 1), queue(10, 0)])).toBeCloseTo(0.9);
  expect(levelOfAll([queue(0, null)])).toBeNull();
});

test.each([
  ["2026-11-24", "America/Toronto", "2026-11-24T05:00:00Z"],
  ["2026-07-01", "America/Toronto", "2026-07-01T04:00:00Z"],
  ["2026-11-01", "America/Toronto", "2026-11-01T04:00:00Z"],
  ["2026-11-02", "America/Toronto", "2026-11-02T05:00:00Z"],
  ["2026-03-09", "America/Toronto", "2026-03-09T04:00:00Z"],
  ["2026-11-24", "Asia/Shanghai", "2026-11-23T16:00:00Z"],
  ["2026-11-24", "Asia/Kolkata", "2026-11-23T18:30:00Z"],
])("the site's day %s in %s begins at %s, also around changes of the clocks", (day, zone, begins) => {
  const at = Date.parse(begins) / 1000;
  expect(midnight(day, zone)).toBe(at);
  expect(dayOf(at, zone)).toBe(day);
  expect(dayOf(at - 1, zone)).toBe(dayAfter(day, -1));
});

test("times are by the site's clock, and a zone that the browser does not know breaks nothing", () => {
  const noon = Date.parse("2026-11-24T12:00:00Z") / 1000;
  keepSiteZone("America/Toronto");
  expect(hourMinute(noon)).toBe("07:00");
  keepSiteZone("Asia/Shanghai");
  expect(hourMinute(noon)).toBe("20:00");
  expect(() => keepSiteZone("Not/AZone")).not.toThrow();
  expect(hourMinute(noon)).toMatch(/^\d\d:\d\d$/);
  keepSiteZone("");
  expect(zoneName("America/Toronto", noon, "en-GB")).toContain("America/Toronto");
});
