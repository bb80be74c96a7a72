/** The call card: who calls, why it came here, and what can be done with it. */
import { live } from "../../console";
import { second } from "../../clock";
import { clock, timeOfDay } from "../../format";
import { say, words } from "../../language";
import { queueName } from "../../names";
import { Act, Actions, Refusal } from "../../parts/actions";
import { Icon } from "../../parts/icons";
import { Keypad } from "../../parts/keypad";
import { Since } from "../../parts/parts";
import type { CallCard, IvrTrail } from "../../protocol";
import type { Keys } from "./keys";
import { legKeys, Legs } from "./legs";
import {
  answer,
  answering,
  call,
  decline,
  desk,
  isAskedFor,
  isConsulting,
  isLive,
  isMuted,
  isOwn,
  isRinging,
  isVirtual,
  mute,
  onBrowserPhone,
  parties,
  phone,
  soundMissing,
} from "./line";
import { Recording, recordingKeys } from "./recording";
import type { Purpose } from "./transfer";

const hasSound = (): boolean => onBrowserPhone.value && phone.talk.value === "up";

const refuse = (actions: Actions, card: CallCard): void =>
  void actions.run("decline", () => decline(card));

/**
 * Over the console; when that is away, the line itself still ends the call. Whoever is only a
 * party leaves; the call goes on without them.
 */
function hangUp(actions: Actions, card: CallCard): void {
  if (live.connection.peek() !== "open") return phone.endCall();
  void actions.run("hang-up", () => live.do("hang_up", { call_id: card.call_id }));
}

function toggleHold(actions: Actions, card: CallCard): void {
  const verb = card.place === "held" ? "retrieve" : "hold";
  void actions.run("hold", () => live.do(verb, { call_id: card.call_id }));
}

/** Of its own, like recording: a key for silence works whatever else is under way. */
const muting = new Actions();

const toggleMute = (card: CallCard): void =>
  void muting.run("mute", () => mute(card, !isMuted(card)));

const park = (actions: Actions, card: CallCard): void =>
  void actions.run("park", () => live.do("park", { call_id: card.call_id }));

/** What opens beside the buttons of a call. */
export interface Openers {
  keypad: () => void;
  transfer: (purpose: Purpose) => void;
}

/** Somebody else can be brought in, or given the call. */
const mayGive = (card: CallCard): boolean => isOwn(card) && !isConsulting(card);

export function callKeys(actions: Actions, open: Openers): Keys {
  const card = call.value;
  if (!card) return {};
  if (isRinging(card)) {
    if (isAskedFor(card)) return { X: () => refuse(actions, card) };
    const keys: Keys = { D: () => refuse(actions, card) };
    if (onBrowserPhone.value) keys["A"] = keys["Enter"] = () => answer(card);
    return keys;
  }
  if (!isLive(card)) return {};
  const keys: Keys = { X: () => hangUp(actions, card) };
  if (isOwn(card) || hasSound()) keys["M"] = () => toggleMute(card);
  if (isOwn(card) || hasSound()) keys["K"] = open.keypad;
  if (mayHold(card)) keys["H"] = () => toggleHold(actions, card);
  if (mayGive(card)) keys["T"] = () => open.transfer(purposeOf(card));
  if (mayPark(card)) keys["G"] = () => park(actions, card);
  return { ...keys, ...legKeys(actions, card), ...recordingKeys(card) };
}

const mayHold = (card: CallCard): boolean =>
  isOwn(card) && parties(card).length === 0 && ["talking", "held"].includes(card.place);

const mayPark = (card: CallCard): boolean => mayHold(card) && card.direction !== "outbound";

const purposeOf = (card: CallCard): Purpose => (card.place === "conference" ? "add" : "give");

interface CallProps {
  card: CallCard;
  actions: Actions;
  keypad: boolean;
  open: Openers;
}

export function CallPanel({ card, actions, keypad, open }: CallProps) {
  const t = words();
  const ringing = isRinging(card);
  const name = card.ani_name || card.ani_local || t.call.anonymous;
  return (
    <section
      class={`card call place-${card.place}`}
      aria-label={t.call.incoming}
      data-testid="call-card"
      data-place={card.place}
      data-part={card.part}
      data-call-id={card.call_id}
    >
      <header class="call-head">
        <span class="call-phase">{phaseName(card)}</span>
        <span class="call-queue" data-testid="call-queue">
          {queueName(card.queue, card.queue_name)}
        </span>
        <CallTimer card={card} />
      </header>
      {isOwn(card) ? null : (
        <p class="whose" data-testid="whose">
          {card.part === "party" && card.place !== "conference"
            ? t.call.asksYou(card.whose)
            : t.call.callOf(card.whose)}
        </p>
      )}
      {card.trouble ? (
        <p class="notice bad" role="status" data-testid="trouble">
          {say(card.trouble.text)}
        </p>
      ) : null}
      <div class="caller">
        <strong class="caller-name" data-testid="caller-name">
          {name}
        </strong>
        {card.ani_name && card.ani_local ? (
          <span class="caller-number figures" data-testid="caller-number">
            {card.ani_local}
          </span>
        ) : null}
      </div>
      <p class="visually-hidden" aria-live="assertive">
        {ringing ? `${phaseName(card)}: ${name}` : card.place === "talking" ? t.call.talkingWith(name) : phaseName(card)}
      </p>
      {ringing ? <RingingButtons card={card} actions={actions} /> : null}
      {isLive(card) ? <TalkButtons card={card} actions={actions} keypad={keypad} open={open} /> : null}
      <Legs card={card} actions={actions} />
      <Recording card={card} />
      <Refusal actions={muting} />
      <Refusal actions={actions} />
      <Notices card={card} />
      {keypad && isLive(card) ? <Keypad onDigit={(digit) => sendDigit(actions, card, digit)} /> : null}
      <Facts card={card} />
    </section>
  );
}

function phaseName(card: CallCard): string {
  const t = words();
  if (isRinging(card)) {
    if (card.part === "supervisor") return t.call.joining;
    if (card.part === "party") return t.call.consultation;
    if (isAskedFor(card)) return card.direction === "outbound" ? t.call.calling : t.call.picking;
    return card.direction === "callback" ? t.call.callback : t.call.incoming;
  }
  if (card.part === "supervisor") return t.supervise.modes[ownMode(card)];
  if (isDialling(card)) return t.call.calling;
  if (isConsulting(card)) return t.states.consulting;
  if (card.place === "conference") return t.states.conference;
  if (card.place === "held") return t.states.held;
  if (card.place === "ended") return t.call.ended;
  return t.states.talking;
}

/** The own phone is answered; the customer's rings. */
const isDialling = (card: CallCard): boolean =>
  isOwn(card) && card.direction !== "inbound" && card.answered === null && isLive(card);

/** What this supervisor does in the conversation. */
function ownMode(card: CallCard): "listen" | "whisper" | "barge" {
  return card.legs.find((leg) => leg.id === card.leg_id)?.supervision || "listen";
}

let digits: Promise<unknown> = Promise.resolve();

/** Through the own phone where there is sound; else the switch plays them, one after the other. */
function sendDigit(actions: Actions, card: CallCard, digit: string): void {
  if (hasSound()) return phone.sendDigit(digit);
  digits = digits
    .then(() => live.do("send_digits", { call_id: card.call_id, digits: digit }))
    .catch((problem: unknown) => actions.fail(problem));
}

function CallTimer({ card }: { card: CallCard }) {
  const t = words();
  const deadline = desk.value?.deadline ?? null;
  if (isRinging(card) && deadline !== null && !isAskedFor(card)) {
    return (
      <span class="call-timer" data-testid="ring-left">
        {t.call.ringsFor(clock(deadline - second.value))}
      </span>
    );
  }
  if (card.ended !== null && card.answered !== null) {
    return <span class="call-timer figures">{clock(card.ended - card.answered)}</span>;
  }
  return (
    <span class="call-timer">
      <Since at={card.answered ?? card.offered} testid="call-timer" />
    </span>
  );
}

/** Where a phone rings that is not in this page. */
function answerWhere(): string {
  const t = words().call;
  if (isVirtual.value) return t.answerVirtual;
  return desk.value?.phone.kind === "outside" ? t.answerOutside : t.answerOnDesk;
}

function RingingButtons({ card, actions }: { card: CallCard; actions: Actions }) {
  const t = words();
  const browser = onBrowserPhone.value;
  if (isAskedFor(card)) {
    return (
      <div class="call-buttons">
        {browser ? null : (
          <p class="notice" data-testid="answer-elsewhere">
            {answerWhere()}
          </p>
        )}
        <Act actions={actions} name="decline" class="decline" hint="X" onAct={() => refuse(actions, card)}>
          <Icon name="hangUp" />
          {t.app.cancel}
        </Act>
      </div>
    );
  }
  return (
    <>
      <div class="call-buttons">
        {browser ? (
          <button
            type="button"
            class={`button answer big ${answering.value ? "pending" : ""}`}
            disabled={answering.value}
            aria-keyshortcuts="A Enter"
            data-testid="answer"
            onClick={() => answer(card)}
          >
            <Icon name="phone" />
            {answering.value ? t.call.answering : t.call.answer}
            <kbd>A</kbd>
          </button>
        ) : (
          <p class="notice" data-testid="answer-elsewhere">
            {answerWhere()}
          </p>
        )}
        <Act actions={actions} name="decline" class="decline" hint="D" onAct={() => refuse(actions, card)}>
          <Icon name="hangUp" />
          {t.call.decline}
        </Act>
      </div>
      {card.direction === "callback" ? <p class="muted">{t.call.callbackHint}</p> : null}
    </>
  );
}

function TalkButtons({ card, actions, keypad, open }: CallProps) {
  const t = words();
  const held = card.place === "held";
  const muted = isMuted(card);
  const offline = live.connection.value !== "open";
  const own = isOwn(card);
  const adding = card.place === "conference";
  return (
    <div class="call-buttons">
      {own || hasSound() ? (
        <Act
          actions={muting}
          name="mute"
          local={hasSound()}
          hint="M"
          pressed={muted}
          class={muted ? "chosen-warn" : ""}
          onAct={() => toggleMute(card)}
        >
          <Icon name={muted ? "micOff" : "mic"} />
          {muted ? t.call.unmute : t.call.mute}
        </Act>
      ) : null}
      {mayHold(card) ? (
        <Act
          actions={actions}
          name="hold"
          hint="H"
          pressed={held}
          class={held ? "chosen-warn" : ""}
          onAct={() => toggleHold(actions, card)}
        >
          <Icon name={held ? "play" : "pause"} />
          {held ? t.call.retrieve : t.call.hold}
        </Act>
      ) : null}
      {own || hasSound() ? (
        <Act
          actions={actions}
          name="keypad"
          local
          hint="K"
          pressed={keypad}
          class={keypad ? "chosen" : ""}
          onAct={open.keypad}
        >
          <Icon name="keypad" />
          {t.call.keypad}
        </Act>
      ) : null}
      {mayGive(card) ? (
        <Act
          actions={actions}
          name="transfer"
          hint="T"
          onAct={() => open.transfer(purposeOf(card))}
        >
          <Icon name={adding ? "plus" : "transfer"} />
          {adding ? t.transfer.add : t.transfer.button}
        </Act>
      ) : null}
      {mayPark(card) ? (
        <Act actions={actions} name="park" hint="G" tip={t.parked.hint} onAct={() => park(actions, card)}>
          <Icon name="park" />
          {t.parked.park}
        </Act>
      ) : null}
      <Act
        actions={actions}
        name="hang-up"
        class="hang-up"
        hint="X"
        local={offline && hasSound()}
        onAct={() => hangUp(actions, card)}
      >
        <Icon name="hangUp" />
        {!own ? t.legs.leave : adding ? t.call.endForAll : t.call.hangUp}
      </Act>
    </div>
  );
}

function Notices({ card }: { card: CallCard }) {
  const t = words();
  if (!isLive(card)) return null;
  return (
    <div role="status" class="notices">
      {isMuted(card) ? (
        <p class="notice" data-testid="muted">
          {t.call.muted}
        </p>
      ) : null}
      {card.place === "held" && !isConsulting(card) ? <p class="notice">{t.call.held}</p> : null}
      {soundMissing.value ? (
        <p class="notice bad" data-testid="no-sound">
          {t.call.noSound} {t.call.noSoundReload}
        </p>
      ) : null}
    </div>
  );
}

function Facts({ card }: { card: CallCard }) {
  const t = words();
  return (
    <dl class="facts">
      {card.direction === "outbound" ? null : (
        <>
          <div>
            <dt>{t.call.waited}</dt>
            <dd class="figures" data-testid="waited">
              {card.waited_s === null ? <Since at={card.entered} /> : clock(card.waited_s)}
            </dd>
          </div>
          <div>
            <dt>{t.call.dialled}</dt>
            <dd class="figures">{card.dnis || t.app.none}</dd>
          </div>
        </>
      )}
      {card.why?.code === "dialled" ? null : (
        <div class="whole">
          <dt>{t.call.why}</dt>
          <dd data-testid="why">{say(card.why?.text) || card.why?.code}</dd>
        </div>
      )}
      {card.direction === "outbound" ? null : (
        <div class="whole">
          <dt>{t.call.trail}</dt>
          <dd data-testid="trail">
            {card.trail.length ? <Trail trail={card.trail} /> : <span class="muted">{t.call.trailEmpty}</span>}
          </dd>
        </div>
      )}
    </dl>
  );
}

function Trail({ trail }: { trail: IvrTrail[] }) {
  return (
    <ol class="trail">
      {trail.map((step, i) => (
        <li key={i} data-tip={timeOfDay(step.at)}>
          {step.label || step.what}
          {step.value ? <kbd>{step.value}</kbd> : null}
        </li>
      ))}
    </ol>
  );
}
