/** The language of the console, and texts in it. */
import { signal } from "@preact/signals";
import type { Labels, Language } from "./protocol";
import { remember, remembered } from "./memory";
import { en, type Words } from "./words/en";
import { zh } from "./words/zh";

const catalogues: Record<Language, Words> = { en, zh };

function first(): Language {
  const chosen = remembered("language");
  if (chosen === "en" || chosen === "zh") return chosen;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export const language = signal<Language>(first());

/** The catalogue of the current language; a component that calls it is redrawn on a change. */
export const words = (): Words => catalogues[language.value];

/** The BCP 47 tag for `Intl` and for `lang`. */
export const locale = (): string => (language.value === "zh" ? "zh-CN" : "en-GB");

export function chooseLanguage(wanted: Language): void {
  language.value = wanted;
  remember("language", wanted);
}

/** The account's language, unless this browser's user has chosen one. */
export function suggestLanguage(wanted: string): void {
  if (!remembered("language") && (wanted === "en" || wanted === "zh")) language.value = wanted;
}

/** A text that the server sent in several languages. */
export function say(labels: Labels | undefined): string {
  if (!labels) return "";
  return labels[language.value] ?? labels["en"] ?? Object.values(labels)[0] ?? "";
}

/** The word for a code, or the code itself when there is none. */
export function wordFor(table: Record<string, string>, code: string): string {
  return Object.hasOwn(table, code) ? (table[code] ?? code) : code;
}
