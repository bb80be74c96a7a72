/** Names that the site gives to its queues, reasons and dispositions. */
import { store } from "./console";
import { say, wordFor, words } from "./language";
import type { Choice, QueueLive } from "./protocol";

function nameIn(choices: Choice[] | undefined, id: string): string {
  return say(choices?.find((choice) => choice.id === id)?.label);
}

export const queueName = (id: string, fallback = ""): string =>
  nameIn(store.one("site")?.queues, id) || fallback || id;

export const skillName = (id: string): string => nameIn(store.one("site")?.skills, id) || id;

/** The queues in the order in which the site lists them. */
export function queuesInOrder(): QueueLive[] {
  const order = (store.one("site")?.queues ?? []).map((queue) => queue.id);
  return store.all("queue").sort((a, b) => order.indexOf(a.id) - order.indexOf(b.id));
}

/** Those that people call, as opposed to queues for chats and tasks. */
export const callQueues = (): QueueLive[] => queuesInOrder().filter((queue) => queue.work === "call");

/** Of an agent of the site; anybody else is told as written down. */
export const colleagueName = (id: string): string => store.get("colleague", id)?.name || id;

export const reasonName = (id: string): string =>
  id ? nameIn(store.one("site")?.not_ready_reasons, id) || wordFor(words().reasons, id) : "";

export const dispositionName = (id: string): string =>
  nameIn(store.one("site")?.dispositions, id) || id;

export const outcomeName = (outcome: string): string => wordFor(words().outcomes, outcome);
