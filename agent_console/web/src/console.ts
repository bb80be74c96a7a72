/** The one connection and store of this page, and who is logged in. */
import { effect, signal } from "@preact/signals";
import * as api from "./api";
import { suggestLanguage } from "./language";
import { Live } from "./live";
import type { Me } from "./protocol";
import { Store } from "./store";
import { keepSiteZone } from "./zone";

export const store = new Store();

effect(() => {
  const site = store.one("site");
  if (site) keepSiteZone(site.time_zone ?? "");
});

export const user = signal<Me | null | undefined>(undefined);

const liveUrl = (): string => `${location.origin.replace(/^http/, "ws")}/live`;

export const live = new Live({
  store,
  open: () => new WebSocket(liveUrl()),
  stillLoggedIn: async () => {
    try {
      return (await api.me()) !== null;
    } catch {
      return true; // not known: go on trying
    }
  },
});

export function watchNetwork(): void {
  const look = (): void => {
    live.hurry();
    live.doubt();
  };
  window.addEventListener("online", look);
  window.addEventListener("offline", look);
  document.addEventListener("visibilitychange", () => {
    // A machine that slept shows an old page: it is checked before anybody trusts it.
    if (document.visibilityState === "visible") look();
  });
}

export const isLeader = (me: Me): boolean => me.role !== "agent";

export const homeOf = (me: Me): string => (isLeader(me) ? "/supervisor" : "/desk");

export function entered(me: Me): void {
  suggestLanguage(me.language);
  user.value = me;
  live.start();
}
