/** The others in a call: who is asked while the caller waits, who confers, who listens. */
import { live } from "../../console";
import { words } from "../../language";
import { Act, type Actions } from "../../parts/actions";
import { Icon } from "../../parts/icons";
import { Since } from "../../parts/parts";
import type { CallCard, LegCard } from "../../protocol";
import type { Keys } from "./keys";
import { isConsulting, isLive, isOwn, parties, supervisors } from "./line";

const act = (actions: Actions, card: CallCard, verb: "swap" | "complete" | "conference"): void =>
  void actions.run(verb, () => live.do(verb, { call_id: card.call_id }));

const end = (actions: Actions, card: CallCard, leg: LegCard): void =>
  void actions.run(`end-${leg.id}`, () => live.do("end_leg", { call_id: card.call_id, leg_id: leg.id }));

const isThere = (leg: LegCard | undefined): boolean => leg?.state === "talking" || leg?.state === "held";

export function legKeys(actions: Actions, card: CallCard): Keys {
  const leg = parties(card)[0];
  if (isConsulting(card) && leg) {
    const cancel: Keys = { C: () => end(actions, card, leg) };
    if (!isThere(leg)) return cancel;
    return {
      ...cancel,
      S: () => act(actions, card, "swap"),
      E: () => act(actions, card, "complete"),
      J: () => act(actions, card, "conference"),
    };
  }
  if (isOwn(card) && card.place === "conference") return { L: () => act(actions, card, "complete") };
  return {};
}

export function Legs({ card, actions }: { card: CallCard; actions: Actions }) {
  if (!isLive(card)) return null;
  return (
    <>
      {isConsulting(card) ? <Consultation card={card} actions={actions} /> : null}
      {card.place === "conference" ? <Conference card={card} actions={actions} /> : null}
      <Waits card={card} />
      {card.part === "supervisor" ? null : <Listeners card={card} />}
    </>
  );
}

function Consultation({ card, actions }: { card: CallCard; actions: Actions }) {
  const t = words().legs;
  const leg = parties(card)[0];
  if (!leg) return null;
  const there = isThere(leg);
  const withParty = leg.state === "talking";
  const status = !there ? t.rings(leg.name) : withParty ? t.talking(leg.name) : t.waits(leg.name);
  return (
    <section class="legs consult" aria-label={t.consultation} data-testid="consult" data-state={leg.state}>
      <p class="legs-status" role="status">
        <Icon name="people" />
        <strong>{status}</strong>
        <Since at={leg.since} />
      </p>
      <p class="muted" data-testid="consult-caller">
        {there && !withParty ? t.callerHears : t.callerWaits}
      </p>
      <div class="call-buttons">
        {there ? (
          <>
            <Act actions={actions} name="swap" hint="S" onAct={() => act(actions, card, "swap")}>
              <Icon name="swap" />
              {t.swap}
            </Act>
            <Act actions={actions} name="complete" class="primary" hint="E" onAct={() => act(actions, card, "complete")}>
              <Icon name="transfer" />
              {t.complete}
            </Act>
            <Act actions={actions} name="conference" hint="J" onAct={() => act(actions, card, "conference")}>
              <Icon name="people" />
              {t.conference}
            </Act>
          </>
        ) : null}
        <Act actions={actions} name={`end-${leg.id}`} testid="consult-cancel" hint="C" onAct={() => end(actions, card, leg)}>
          {there ? t.backToCaller : words().app.cancel}
        </Act>
      </div>
    </section>
  );
}

function Conference({ card, actions }: { card: CallCard; actions: Actions }) {
  const t = words();
  const own = isOwn(card);
  const name = card.ani_name || card.ani_local || t.call.anonymous;
  const others = parties(card).filter((leg) => leg.id !== card.leg_id);
  return (
    <section class="legs conference" aria-label={t.legs.conference} data-testid="conference-list">
      <h3>{t.legs.inConference(others.length + (own ? 2 : 3))}</h3>
      <ul>
        <li>
          <span>{t.legs.you}</span>
        </li>
        {own ? null : (
          <li>
            <span>{card.whose}</span>
          </li>
        )}
        <li>
          <span>{name}</span>
          <small class="muted">{t.floor.caller}</small>
        </li>
        {others.map((leg) => (
          <li key={leg.id} data-testid={`leg-${leg.agent || leg.number}`} data-state={leg.state}>
            <span>{leg.name || leg.number}</span>
            <small class="muted">
              {leg.state === "ringing" ? t.call.ringing : <Since at={leg.since} />}
            </small>
            {own ? (
              <Act
                actions={actions}
                name={`end-${leg.id}`}
                class="small"
                testid={`remove-${leg.agent || leg.number}`}
                onAct={() => end(actions, card, leg)}
              >
                {t.legs.remove}
              </Act>
            ) : null}
          </li>
        ))}
      </ul>
      {own && others.some(isThere) ? (
        <Act actions={actions} name="complete" testid="leave-conference" hint="L" tip={t.legs.leaveHint} onAct={() => act(actions, card, "complete")}>
          <Icon name="door" />
          {t.legs.leave}
        </Act>
      ) : null}
    </section>
  );
}

/** Whoever is asked, while the other agent is back with the caller. */
function Waits({ card }: { card: CallCard }) {
  const own = card.legs.find((leg) => leg.id === card.leg_id);
  if (card.part !== "party" || own?.state !== "held") return null;
  return (
    <p class="notice" role="status" data-testid="you-wait">
      {words().legs.youWait(card.whose)}
    </p>
  );
}

/** A supervisor in the conversation is no secret, unless the site says so. */
function Listeners({ card }: { card: CallCard }) {
  const t = words().legs;
  const there = supervisors(card).filter((leg) => leg.state !== "ringing" && leg.id !== card.leg_id);
  if (!there.length) return null;
  return (
    <p class="notice info" role="status" data-testid="listeners">
      <Icon name="ear" />
      {there.map((leg) => t.supervising[leg.supervision || "listen"](leg.name)).join(" · ")}
    </p>
  );
}
