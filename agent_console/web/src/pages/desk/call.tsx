/** The call card: who calls, why it came here, and what can be done with it. */
import { live } from "../../console";
import { second } from "../../clock";
import { clock, timeOfDay } from "../../format";
import { say, words } from "../../language";
import { queueName } from "../../names";
import { Act, type Actions, Refusal } from "../../parts/actions";
import { Icon } from "../../parts/icons";
import { Keypad } from "../../parts/keypad";
import { Since } from "../../parts/parts";
import type { CallCard, IvrTrail } from "../../protocol";
import type { Keys } from "./keys";
import {
  answer,
  answering,
  call,
  decline,
  desk,
  isLive,
  isRinging,
  isVirtual,
  onBrowserPhone,
  phone,
  soundMissing,
} from "./line";

const hasSound = (): boolean => onBrowserPhone.value && phone.talk.value === "up";

const refuse = (actions: Actions, card: CallCard): void =>
  void actions.run("decline", () => decline(card));

/** Over the console; when that is away, the line itself still ends the call. */
function hangUp(actions: Actions, card: CallCard): void {
  if (live.connection.peek() !== "open") return phone.endCall();
  void actions.run("hang-up", () => live.do("hang_up", { call_id: card.call_id }));
}

function toggleHold(actions: Actions, card: CallCard): void {
  const verb = card.place === "held" ? "retrieve" : "hold";
  void actions.run("hold", () => live.do(verb, { call_id: card.call_id }));
}

const toggleMute = (): void => phone.setMuted(!phone.muted.peek());

export function callKeys(actions: Actions, toggleKeypad: () => void): Keys {
  const card = call.value;
  if (!card) return {};
  if (isRinging(card)) {
    const keys: Keys = { D: () => refuse(actions, card) };
    if (onBrowserPhone.value) keys["A"] = keys["Enter"] = () => answer(card);
    return keys;
  }
  if (!isLive(card)) return {};
  const keys: Keys = { H: () => toggleHold(actions, card), X: () => hangUp(actions, card) };
  if (hasSound()) {
    keys["M"] = toggleMute;
    keys["K"] = toggleKeypad;
  }
  return keys;
}

interface CallProps {
  card: CallCard;
  actions: Actions;
  keypad: boolean;
  setKeypad: (shown: boolean) => void;
}

export function CallPanel({ card, actions, keypad, setKeypad }: CallProps) {
  const t = words();
  const ringing = isRinging(card);
  const name = card.ani_name || card.ani_local || t.call.anonymous;
  return (
    <section
      class={`card call place-${card.place}`}
      aria-label={t.call.incoming}
      data-testid="call-card"
      data-place={card.place}
      data-call-id={card.call_id}
    >
      <header class="call-head">
        <span class="call-phase">{phaseName(card)}</span>
        <span class="call-queue" data-testid="call-queue">
          {queueName(card.queue, card.queue_name)}
        </span>
        <CallTimer card={card} />
      </header>
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
        {ringing ? `${t.call.incoming}: ${name}` : card.place === "talking" ? t.call.talkingWith(name) : phaseName(card)}
      </p>
      {ringing ? <RingingButtons card={card} actions={actions} /> : null}
      {isLive(card) ? <TalkButtons card={card} actions={actions} keypad={keypad} setKeypad={setKeypad} /> : null}
      <Refusal actions={actions} />
      <Notices card={card} />
      {keypad && isLive(card) && hasSound() ? <Keypad onDigit={(digit) => phone.sendDigit(digit)} /> : null}
      <Facts card={card} />
    </section>
  );
}

function phaseName(card: CallCard): string {
  const t = words();
  if (isRinging(card)) return card.direction === "callback" ? t.call.callback : t.call.incoming;
  if (card.place === "held") return t.states.held;
  if (card.place === "ended") return t.call.ended;
  return t.states.talking;
}

function CallTimer({ card }: { card: CallCard }) {
  const t = words();
  const deadline = desk.value?.deadline ?? null;
  if (isRinging(card) && deadline !== null) {
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

function RingingButtons({ card, actions }: { card: CallCard; actions: Actions }) {
  const t = words();
  const browser = onBrowserPhone.value;
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
            {isVirtual.value ? t.call.answerVirtual : t.call.answerOnDesk}
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

function TalkButtons({ card, actions, keypad, setKeypad }: CallProps) {
  const t = words();
  const held = card.place === "held";
  const muted = phone.muted.value;
  const offline = live.connection.value !== "open";
  return (
    <div class="call-buttons">
      {hasSound() ? (
        <Act
          actions={actions}
          name="mute"
          local
          hint="M"
          pressed={muted}
          class={muted ? "chosen-warn" : ""}
          onAct={toggleMute}
        >
          <Icon name={muted ? "micOff" : "mic"} />
          {muted ? t.call.unmute : t.call.mute}
        </Act>
      ) : null}
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
      {hasSound() ? (
        <Act
          actions={actions}
          name="keypad"
          local
          hint="K"
          pressed={keypad}
          class={keypad ? "chosen" : ""}
          onAct={() => setKeypad(!keypad)}
        >
          <Icon name="keypad" />
          {t.call.keypad}
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
        {t.call.hangUp}
      </Act>
    </div>
  );
}

function Notices({ card }: { card: CallCard }) {
  const t = words();
  if (!isLive(card)) return null;
  return (
    <div role="status">
      {phone.muted.value ? <p class="notice">{t.call.muted}</p> : null}
      {card.place === "held" ? <p class="notice">{t.call.held}</p> : null}
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
      <div class="whole">
        <dt>{t.call.why}</dt>
        <dd data-testid="why">{say(card.why?.text) || card.why?.code}</dd>
      </div>
      <div class="whole">
        <dt>{t.call.trail}</dt>
        <dd data-testid="trail">
          {card.trail.length ? <Trail trail={card.trail} /> : <span class="muted">{t.call.trailEmpty}</span>}
        </dd>
      </div>
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
