/** A supervisor in somebody's conversation: listen, whisper, barge in, take over, leave. */
import { live, store } from "../../console";
import { words } from "../../language";
import { remembered } from "../../memory";
import { follow } from "../../route";
import { Act, Actions, Refusal } from "../../parts/actions";
import { Icon } from "../../parts/icons";
import { Since } from "../../parts/parts";
import { PhoneProblem } from "../../phone/problems";
import type { AgentLive, CallCard } from "../../protocol";
import type { Keys } from "../desk/keys";
import { call, desk, isAskedFor, isLive, isRinging, isVirtual, phone, signingIn } from "../desk/line";
import { Refused } from "../../live";

export type Mode = "listen" | "whisper" | "barge";
const MODES: readonly Mode[] = ["listen", "whisper", "barge"];
const KEYS = { listen: "L", whisper: "W", barge: "B" } as const;

/** One set for the whole page: a second press anywhere waits for the first. */
export const supervising = new Actions();

/** The conversation that this supervisor is in, or is being rung for. */
const mine = (): CallCard | null => (call.value?.part === "supervisor" ? call.value : null);

const modeOf = (card: CallCard): Mode =>
  card.legs.find((leg) => leg.id === card.leg_id)?.supervision || "listen";

/** To hear anything one needs a phone: this one, begun now if it is not yet. */
export async function withPhone(): Promise<void> {
  if (!store.one("me")?.agent_id) throw new Refused("no-own-phone", "");
  if (desk.peek()?.state !== "offline") return;
  const own = (desk.peek()?.phones ?? []).map((one) => one.kind);
  const last = remembered("phone-kind") ?? "";
  const kind = isVirtual.peek() ? "desk" : own.includes(last) ? last : (own[0] ?? "browser");
  signingIn.value = true;
  try {
    if (kind === "browser") await phone.start();
    await live.do("sign_in", { phone: kind });
  } catch (problem) {
    if (!(problem instanceof PhoneProblem)) throw problem;
    throw new Refused("phone-problem", words().phone.problems[problem.problem]);
  } finally {
    signingIn.value = false;
  }
}

export const supervise = (call_id: string, mode: Mode | "off"): void =>
  void supervising.run(`supervise-${mode}`, async () => {
    if (mode !== "off") await withPhone();
    await live.do("supervise", { call_id, mode });
  });

const takeOver = (call_id: string): void =>
  void supervising.run("take-over", () => live.do("take_over", { call_id }));

export function superviseKeys(): Keys {
  const card = mine();
  if (!card || !isLive(card)) return {};
  return {
    L: () => supervise(card.call_id, "listen"),
    W: () => supervise(card.call_id, "whisper"),
    B: () => supervise(card.call_id, "barge"),
    V: () => takeOver(card.call_id),
    X: () => supervise(card.call_id, "off"),
  };
}

/** Whether this agent's conversation can be joined: it runs, and is not one's own. */
export const mayJoin = (agent: AgentLive): boolean =>
  ["talking", "held", "consulting", "conference"].includes(agent.place) &&
  agent.id !== store.one("me")?.agent_id &&
  mine()?.call_id !== agent.call_id;

/** In an agent's row: one press listens; the other ways in are in the row's menu. */
export function ListenButton({ agent }: { agent: AgentLive }) {
  const t = words().supervise;
  if (!mayJoin(agent)) return null;
  return (
    <Act
      actions={supervising}
      name="supervise-listen"
      testid={`listen-${agent.id}`}
      class="small"
      tip={t.hints.listen}
      onAct={() => supervise(agent.call_id, "listen")}
    >
      <Icon name="ear" />
      {t.verbs.listen}
    </Act>
  );
}

/** At the top of the floor while one is in a conversation, or when joining was refused. */
export function SuperviseBar() {
  const t = words();
  const card = mine();
  if (!card) return <Refusal actions={supervising} />;
  const mode = modeOf(card);
  const caller = card.ani_name || card.ani_local || t.call.anonymous;
  const ringing = isRinging(card);
  return (
    <section
      class={`card supervise-bar ${mode === "listen" ? "" : "heard"}`}
      aria-label={t.supervise.title}
      data-testid="supervise-bar"
      data-mode={ringing ? "joining" : mode}
    >
      <p class="supervise-what" role="status">
        <Icon name="ear" />
        <span>
          <strong>{ringing ? t.call.joining : t.supervise.modes[mode]}</strong> ·{" "}
          {t.supervise.between(card.whose, caller)}
          <small class="muted block">{ringing ? (isAskedFor(card) ? t.supervise.phoneRings : "") : t.supervise.hints[mode]}</small>
        </span>
        {ringing || card.answered === null ? null : <Since at={card.legs.find((leg) => leg.id === card.leg_id)?.since ?? card.answered} />}
      </p>
      <div class="call-buttons">
        {ringing
          ? null
          : MODES.map((one) => (
              <Act
                key={one}
                actions={supervising}
                name={`supervise-${one}`}
                testid={`mode-${one}`}
                hint={KEYS[one]}
                pressed={mode === one}
                class={mode === one ? (one === "listen" ? "chosen" : "chosen-warn") : ""}
                tip={t.supervise.hints[one]}
                onAct={() => supervise(card.call_id, one)}
              >
                {t.supervise.verbs[one]}
              </Act>
            ))}
        {ringing ? null : (
          <Act actions={supervising} name="take-over" hint="V" tip={t.supervise.takeOverHint} onAct={() => takeOver(card.call_id)}>
            <Icon name="transfer" />
            {t.supervise.takeOver}
          </Act>
        )}
        <Act
          actions={supervising}
          name="supervise-off"
          class="hang-up"
          hint="X"
          onAct={() => supervise(card.call_id, "off")}
        >
          {t.legs.leave}
        </Act>
      </div>
      <Refusal actions={supervising} />
    </section>
  );
}

/** A call of one's own rings or runs while the floor is shown: the desk has its buttons. */
export function OwnCallNote() {
  const t = words();
  const card = call.value;
  if (!card || card.part !== "own" || card.place === "ended") return null;
  return (
    <p class="banner info slim" role="status" data-testid="own-call">
      <span>{isRinging(card) && !isAskedFor(card) ? t.supervise.ownRings : t.supervise.ownCall}</span>
      <a class="button small" href="/desk" onClick={follow}>
        {t.app.desk}
      </a>
    </p>
  );
}
