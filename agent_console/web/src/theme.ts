/** Light or dark: the system's, until somebody chooses. */
import { signal } from "@preact/signals";
import { remember, remembered } from "./memory";

type Theme = "light" | "dark";

const systemDark = window.matchMedia("(prefers-color-scheme: dark)");

function current(): Theme {
  const chosen = remembered("theme");
  if (chosen === "light" || chosen === "dark") return chosen;
  return systemDark.matches ? "dark" : "light";
}

export const theme = signal<Theme>(current());

export function applyTheme(): void {
  theme.value = current();
  document.documentElement.dataset["theme"] = theme.value;
}

export function toggleTheme(): void {
  remember("theme", theme.value === "dark" ? "light" : "dark");
  applyTheme();
}

systemDark.addEventListener("change", applyTheme);
