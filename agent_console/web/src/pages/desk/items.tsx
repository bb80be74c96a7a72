/** Work items beside the calls: what is offered to the agent, and what is open. */
import { effect } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { live } from "../../console";
import { say, words } from "../../language";
import { queueName } from "../../names";
import { Act, Actions, Refusal } from "../../parts/actions";
import { Since, Until } from "../../parts/parts";
import type { ItemCard } from "../../protocol";
import { chime } from "../../sound";
import type { Keys } from "./keys";
import { desk } from "./line";

export const itemActions = new Actions();

const items = (): ItemCard[] => desk.value?.items ?? [];
const offered = (): ItemCard | undefined => items().find((item) => item.state === "offered");
const working = (): ItemCard[] => items().filter((item) => item.state === "working");

const accept = (item: ItemCard): void =>
  void itemActions.run(`accept-${item.item_id}`, () => live.do("accept_item", { offer_id: item.offer_id }));

const decline = (item: ItemCard): void =>
  void itemActions.run(`decline-${item.item_id}`, () => live.do("decline_item", { offer_id: item.offer_id }));

const finish = (item: ItemCard): void =>
  void itemActions.run(`finish-${item.item_id}`, () => live.do("finish_item", { item_id: item.item_id }));

/** Finishing has a key only when it is clear which one is meant. */
export function itemKeys(): Keys {
  const keys: Keys = {};
  const first = offered();
  if (first) {
    keys["Y"] = () => accept(first);
    keys["U"] = () => decline(first);
  }
  const [only, ...others] = working();
  if (only && !others.length) keys["F"] = () => finish(only);
  return keys;
}

/** Only what a browser may open as a page is a link; the rest is text. */
export function webLink(link: string): string | undefined {
  try {
    const url = new URL(link);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : undefined;
  } catch {
    return undefined;
  }
}

/** A short sound and, in another window, a notification: an item is no ringing call. */
function useNews(): void {
  useEffect(() => {
    let last = offered()?.offer_id ?? "";
    return effect(() => {
      const item = offered();
      const now = item?.offer_id ?? "";
      if (now === last) return;
      last = now;
      if (!item) return;
      chime();
      if (!("Notification" in window) || Notification.permission !== "granted") return;
      if (document.visibilityState === "visible" && document.hasFocus()) return;
      const shown = new Notification(words().items.offeredTitle(queueName(item.queue, item.queue_name)), {
        body: item.title,
        tag: "item",
      });
      shown.onclick = () => {
        window.focus();
        shown.close();
      };
    });
  }, []);
}

export function Items() {
  const t = words().items;
  useNews();
  const room = useMemo(() => desk.value?.capacity ?? {}, [desk.value]);
  const all = items();
  if (!all.length && !Object.keys(room).length) return null;
  const first = offered();
  const single = working().length === 1;
  return (
    <section class="card quiet items" aria-label={t.title} data-testid="items">
      <header class="queue-list-head">
        <h2>{t.title}</h2>
        <small class="muted">{t.count(working().length)}</small>
      </header>
      {all.length ? (
        <ul class="item-list">
          {[...all].sort((a, b) => Number(b.state === "offered") - Number(a.state === "offered")).map((item) => (
            <ItemRow key={item.item_id} item={item} keyed={item === first || (item.state === "working" && single)} />
          ))}
        </ul>
      ) : (
        <p class="muted">{t.none}</p>
      )}
      <Refusal actions={itemActions} />
    </section>
  );
}

function ItemRow({ item, keyed }: { item: ItemCard; keyed: boolean }) {
  const t = words().items;
  const link = webLink(item.link);
  const isOffered = item.state === "offered";
  const title = item.title || item.item_id;
  return (
    <li class={isOffered ? "item-offered" : ""} data-testid={`item-${item.item_id}`} data-state={item.state}>
      <span class="item-what">
        {link ? (
          <a href={link} target="_blank" rel="noopener noreferrer" data-tip={t.opens(new URL(link).host)}>
            {title}
          </a>
        ) : (
          <strong>{title}</strong>
        )}
        <small class="muted block" data-tip={isOffered ? say(item.why.text) : undefined} tabIndex={isOffered ? 0 : undefined}>
          {queueName(item.queue, item.queue_name)}
          {" · "}
          {isOffered && item.deadline !== null ? (
            <>
              {t.offeredFor} <Until at={item.deadline} />
            </>
          ) : (
            <>
              {t.openFor} <Since at={item.since} />
            </>
          )}
        </small>
      </span>
      <span class="row-buttons">
        {isOffered ? (
          <>
            <Act actions={itemActions} name={`accept-${item.item_id}`} testid="item-accept" class="small primary" {...(keyed ? { hint: "Y" } : {})} onAct={() => accept(item)}>
              {t.accept}
            </Act>
            <Act actions={itemActions} name={`decline-${item.item_id}`} testid="item-decline" class="small" {...(keyed ? { hint: "U" } : {})} tip={t.declineHint} onAct={() => decline(item)}>
              {t.decline}
            </Act>
          </>
        ) : (
          <Act actions={itemActions} name={`finish-${item.item_id}`} testid="item-done" class="small" {...(keyed ? { hint: "F" } : {})} onAct={() => finish(item)}>
            {t.done}
          </Act>
        )}
      </span>
    </li>
  );
}
