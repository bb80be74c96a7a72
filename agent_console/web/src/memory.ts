/** What this browser remembers; without storage (private windows) it forgets, and works. */

export function remembered(key: string): string | null {
  try {
    return localStorage.getItem(`console.${key}`);
  } catch {
    return null;
  }
}

export function remember(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(`console.${key}`);
    else localStorage.setItem(`console.${key}`, value);
  } catch {
    // Remembered for as long as the page lives, at most.
  }
}
