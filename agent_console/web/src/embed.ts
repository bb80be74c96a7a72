/**
 * The console inside another page, and what the two say to each other by postMessage.
 *
 *   in    {v: 1, id, type: "hello" | "state" | "dial" | "answer" | …, …arguments}
 *   out   {v: 1, id, ok: true, result}  or  {v: 1, id, ok: false, error: {code, message}}
 *         {v: 1, event: "state" | "call.offered" | "call.answered" | "call.ended", data}
 *
 * Only the page that holds this one is listened to, and only from an origin that the settings
 * name; whatever is sent is addressed to the very origin that said hello.
 */
import { effect, untracked } from "@preact/signals";
import { live } from "./console";
import { Refused } from "./live";
import { answer, call, decline, desk, isRinging, mute, onBrowserPhone } from "./pages/desk/line";
import { dialable } from "./pages/desk/targets";
import type { CallCard } from "./protocol";

export const VERSION = 1;
const TEXT_LIMIT = 200;
const MESSAGES_PER_S = 20;
const LONGEST_NUMBER = 40;

type Given = Record<string, unknown>;
type Deed = (given: Given) => unknown;

class Wrong extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

function text(given: Given, name: string, fallback?: string): string {
  const value = given[name] ?? fallback;
  if (typeof value !== "string" || value.length > TEXT_LIMIT) {
    throw new Wrong("bad-arguments", `${name}: a text of at most ${TEXT_LIMIT} characters`);
  }
  return value;
}

function own(): CallCard {
  const card = call.peek();
  if (!card) throw new Wrong("no-call", "There is no call.");
  return card;
}

const ofCall = (verb: "hang_up" | "hold" | "retrieve"): Deed => () => live.do(verb, { call_id: own().call_id });

const deeds: Record<string, Deed> = {
  state: () => state(),
  dial: (given) => {
    const number = dialable(text(given, "number").slice(0, LONGEST_NUMBER));
    if (!number) throw new Wrong("bad-arguments", "number: this cannot be dialled");
    return live.do("dial", { number, queue: text(given, "queue", "") });
  },
  answer: () => {
    const card = own();
    if (!isRinging(card)) throw new Wrong("not-ringing", "No call is ringing.");
    if (!onBrowserPhone.peek()) throw new Wrong("answer-at-phone", "The call is answered at the phone.");
    answer(card);
  },
  decline: () => decline(own()),
  hang_up: ofCall("hang_up"),
  hold: ofCall("hold"),
  retrieve: ofCall("retrieve"),
  mute: (given) => {
    if (typeof given["on"] !== "boolean") throw new Wrong("bad-arguments", "on: true or false");
    return mute(own(), given["on"]);
  },
  send_digits: (given) => live.do("send_digits", { call_id: own().call_id, digits: text(given, "digits") }),
  ready: () => live.do("ready", {}),
  not_ready: (given) => live.do("not_ready", { reason: text(given, "reason", "") }),
};

interface Told {
  id: string;
  place: string;
  direction: string;
  number: string;
  name: string;
  queue: string;
}

const shown = (card: CallCard): Told => ({
  id: card.call_id,
  place: card.place,
  direction: card.direction,
  number: card.ani,
  name: card.ani_name,
  queue: card.queue,
});

function state(): { state: string; reason: string; connected: boolean; call: Told | null } {
  const now = desk.peek();
  const card = call.peek();
  return {
    state: now?.state ?? "",
    reason: now?.reason ?? "",
    connected: live.connection.peek() === "open",
    call: card ? shown(card) : null,
  };
}

/** Starts listening to the page around this one; returns the end. */
export function startBridge(origins: readonly string[]): () => void {
  const allowed = new Set(origins);
  let parent = ""; // the origin that said hello
  let second = 0;
  let count = 0;

  const send = (message: object): void => {
    if (parent) window.parent.postMessage({ v: VERSION, ...message }, parent);
  };

  async function carryOut(given: Given, id: string | number): Promise<void> {
    const refuse = (code: string, message: string): void => send({ id, ok: false, error: { code, message } });
    if (given["v"] !== VERSION) return refuse("unknown-version", `This speaks version ${VERSION}.`);
    const type = typeof given["type"] === "string" ? given["type"] : "";
    if (type === "hello") return send({ id, ok: true, result: { version: VERSION, ...state() } });
    const deed = Object.hasOwn(deeds, type) ? deeds[type] : undefined;
    if (!deed) return refuse("unknown-type", "There is no such message.");
    try {
      send({ id, ok: true, result: (await deed(given)) ?? null });
    } catch (problem) {
      if (problem instanceof Wrong || problem instanceof Refused) refuse(problem.code, problem.message);
      else refuse("internal", "This failed.");
    }
  }

  function hear(message: MessageEvent): void {
    if (message.source !== window.parent || window.parent === window) return;
    if (!allowed.has(message.origin)) return;
    const given = message.data as Given | null;
    if (typeof given !== "object" || given === null || Array.isArray(given)) return;
    const id = given["id"];
    const isId = (typeof id === "string" && id.length <= 64) || (typeof id === "number" && Number.isFinite(id));
    if (!isId) return;
    const now = Math.floor(Date.now() / 1000);
    count = now === second ? count + 1 : 1;
    second = now;
    if (count > MESSAGES_PER_S) return;
    parent = message.origin;
    void carryOut(given, id);
  }

  window.addEventListener("message", hear);
  const ends = [
    effect(() => {
      void desk.value;
      void live.connection.value;
      untracked(() => send({ event: "state", data: state() }));
    }),
    followCall(send),
  ];
  return () => {
    window.removeEventListener("message", hear);
    ends.forEach((end) => end());
  };
}

function followCall(send: (message: object) => void): () => void {
  let before: Told | null = null;
  return effect(() => {
    const card = call.value;
    const now = card ? shown(card) : null;
    const was = before;
    before = now;
    const wasLive = was !== null && was.place !== "ended";
    if (wasLive && (!now || now.id !== was.id || now.place === "ended")) {
      send({ event: "call.ended", data: was });
    }
    if (!now || now.place === "ended") return;
    const isNew = now.id !== was?.id;
    if (now.place === "ringing" && (isNew || was?.place !== "ringing")) {
      send({ event: "call.offered", data: now });
    } else if (now.place === "talking" && (isNew || was?.place === "ringing")) {
      send({ event: "call.answered", data: now });
    }
  });
}
