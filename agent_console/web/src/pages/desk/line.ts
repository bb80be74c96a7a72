/**
 * The agent's telephone beside the agent's desk: the page's own phone follows what the server
 * says of the call, and never the other way round.
 */
import { computed, effect, signal, untracked } from "@preact/signals";
import * as api from "../../api";
import { live, store } from "../../console";
import { say, words } from "../../language";
import { Refused } from "../../live";
import { BrowserPhone } from "../../phone/phone";
import type { CallCard, LegCard } from "../../protocol";
import { startRinging, stopRinging } from "../../sound";

export const phone = new BrowserPhone({ access: api.phoneAccess, register: true });

export const desk = computed(() => store.one("desk"));
export const call = computed(() => desk.value?.call ?? null);
export const isVirtual = computed(() => store.one("site")?.switch === "virtual");

/** This agent speaks through the browser, and the browser is what rings. */
export const onBrowserPhone = computed(
  () => !isVirtual.value && desk.value?.phone.kind === "browser" && desk.value.state !== "offline",
);

export const isRinging = (card: CallCard): boolean => card.place === "ringing";
const LIVE = ["talking", "held", "consulting", "conference"];
export const isLive = (card: CallCard): boolean => LIVE.includes(card.place);
export const isOwn = (card: CallCard): boolean => card.part === "own";

/** Everybody else in the call, supervisors aside. */
export const parties = (card: CallCard): LegCard[] => card.legs.filter((leg) => !leg.supervision);
export const supervisors = (card: CallCard): LegCard[] => card.legs.filter((leg) => leg.supervision);

/** Asking somebody while the caller waits, or the other way round. */
export const isConsulting = (card: CallCard): boolean =>
  isOwn(card) && card.place !== "conference" && isLive(card) && parties(card).length > 0;

/** Calls that this agent asked for: their ringing needs no second press. */
export const isAskedFor = (card: CallCard): boolean =>
  card.part === "supervisor" || (isOwn(card) && ["dialled", "picked"].includes(card.why.code));

/** The offer that was answered by hand before its sound arrived. */
const answerWanted = signal("");

/** Answers now, or in the moment in which the line rings. */
export function answer(card: CallCard): void {
  answerWanted.value = card.offer_id || card.call_id;
  phone.answer();
}

/** The offer that this agent is declining. */
let declined = "";

export async function decline(card: CallCard): Promise<void> {
  declined = card.offer_id;
  try {
    await live.do("decline", { offer_id: card.offer_id });
  } finally {
    // Stops the ringing here also when the server could not be told.
    phone.reject();
  }
}

export const answering = computed(
  () => call.value !== null && answerWanted.value === (call.value.offer_id || call.value.call_id),
);

/** True when the server says that we talk but this page carries no sound for it. */
export const soundMissing = signal(false);

const SOUND_GRACE_ms = 2500;

/** Starts following; called once, when the desk is opened. Returns the end. */
export function follow(): () => void {
  const ends = [
    effect(keepLine),
    effect(keepAnswering),
    followCall(),
    effect(ring),
    notify(),
    noticeMissingSound(),
    guardLeaving(),
    followMute(),
  ];
  return () => ends.forEach((end) => end());
}

function keepLine(): void {
  const wanted = onBrowserPhone.value && live.connection.value === "open";
  const line = phone.line.value;
  // A failed line waits for the agent: the reason is on the screen, with what to do.
  if (wanted && line === "off") void phone.start().catch(() => undefined);
  if (desk.value && desk.value.state === "offline" && line === "up" && !signingIn.value) phone.stop();
}

/** Set while a shift is being started: the phone is up before the server knows of the shift. */
export const signingIn = signal(false);

function keepAnswering(): void {
  const card = call.value;
  if (!card || !isRinging(card)) return;
  const wanted = answering.value || isAskedFor(card);
  if (wanted && phone.talk.value === "ringing") untracked(() => phone.answer());
}

/** When the server says that the call is over, no sound of it is left. */
function followCall(): () => void {
  let before: CallCard | null = null;
  return effect(() => {
    const card = call.value;
    const was = before;
    before = card;
    const wasOn = was !== null && was.place !== "ended";
    const isOver = card === null || card.place === "ended" || card.call_id !== was?.call_id;
    if (wasOn && isOver) {
      answerWanted.value = "";
      // A declined call is told "busy here", any other leftover just ends.
      untracked(() => (was.offer_id && was.offer_id === declined ? phone.reject() : phone.endCall()));
    }
  });
}

function ring(): void {
  const card = call.value;
  const rings =
    card !== null && isRinging(card) && !answering.value && !isAskedFor(card) && onBrowserPhone.value;
  if (rings) startRinging();
  else stopRinging();
}

function notify(): () => void {
  let shown: Notification | undefined;
  let offer = "";
  return effect(() => {
    const card = call.value;
    const id = card && isRinging(card) && !isAskedFor(card) ? card.offer_id || card.call_id : "";
    if (id === offer) return;
    offer = id;
    shown?.close();
    shown = undefined;
    if (!card || !id || !("Notification" in window) || Notification.permission !== "granted") return;
    if (document.visibilityState === "visible" && document.hasFocus()) return;
    untracked(() => {
      shown = new Notification(words().call.notifyTitle(card.queue_name), {
        body: `${card.ani_name || card.ani_local || words().call.anonymous}\n${say(card.why.text)}`,
        tag: "offer",
        requireInteraction: true,
      });
      shown.onclick = () => {
        window.focus();
        shown?.close();
      };
    });
  });
}

function noticeMissingSound(): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const end = effect(() => {
    const card = call.value;
    const silent =
      card !== null && isLive(card) && onBrowserPhone.value && phone.talk.value === "none";
    clearTimeout(timer);
    if (silent) timer = setTimeout(() => (soundMissing.value = true), SOUND_GRACE_ms);
    else soundMissing.value = false;
  });
  return () => {
    clearTimeout(timer);
    end();
  };
}

/**
 * Who is muted is what the server says; the microphone here follows at once, and closes (not
 * opens) before the server has answered. What was pressed while the connection was away is
 * told when it is back.
 */
function followMute(): () => void {
  let told: { call: string; muted: boolean } | null = null;
  return effect(() => {
    const card = call.value;
    const open = live.connection.value === "open";
    if (!card || !isOwn(card) || !isLive(card) || phone.talk.value !== "up" || !open) return;
    const isNews = told?.call !== card.call_id || told.muted !== card.muted;
    told = { call: card.call_id, muted: card.muted };
    untracked(() => {
      if (card.muted === phone.muted.peek()) return;
      if (isNews) phone.setMuted(card.muted);
      else if (!muting.peek()) void mute(card, phone.muted.peek()).catch(() => undefined);
    });
  });
}

const muting = signal(false);

/** Nobody hears this agent, or everybody again. */
export async function mute(card: CallCard, on: boolean): Promise<void> {
  const here = onBrowserPhone.peek() && phone.talk.peek() === "up";
  if (here) phone.setMuted(on);
  // Only the agent whose call it is has a mute at the switch; others have their own microphone.
  if (!isOwn(card) || live.connection.peek() !== "open") return;
  muting.value = true;
  try {
    await live.do("mute", { call_id: card.call_id, on });
  } catch (problem) {
    const isSo = problem instanceof Refused && problem.code === "no-change";
    // A microphone that was to close stays closed, whatever the switch says.
    if (here && !on && !isSo) phone.setMuted(true);
    throw problem;
  } finally {
    muting.value = false;
  }
}

export const isMuted = (card: CallCard): boolean => (isOwn(card) && card.muted) || phone.muted.value;

function guardLeaving(): () => void {
  const guard = (event: BeforeUnloadEvent): void => {
    if (phone.talk.peek() === "up") event.preventDefault();
  };
  window.addEventListener("beforeunload", guard);
  return () => window.removeEventListener("beforeunload", guard);
}
