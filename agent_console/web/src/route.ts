/** Which page is shown: the address, followed without loading the page again. */
import { signal } from "@preact/signals";

export const path = signal(location.pathname);

export function go(to: string): void {
  if (to !== location.pathname) history.pushState(null, "", to);
  path.value = to;
}

window.addEventListener("popstate", () => {
  path.value = location.pathname;
});

/** For `onClick` of links: plain clicks stay in the page. */
export function follow(event: MouseEvent): void {
  const link = event.currentTarget as HTMLAnchorElement;
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  go(new URL(link.href).pathname);
}
