/** Recording: what the red mark says is what the server says. Pausing for card data is one key. */
import { live } from "../../console";
import { words } from "../../language";
import { Act, Actions, Refusal } from "../../parts/actions";
import { Icon } from "../../parts/icons";
import type { CallCard } from "../../protocol";
import type { Keys } from "./keys";
import { isLive, isOwn } from "./line";

type Deed = "start" | "stop" | "pause" | "resume";

/** Of its own: pausing is never kept waiting by something else that is under way. */
const actions = new Actions();

const act = (card: CallCard, action: Deed): void =>
  void actions.run(`record-${action}`, () => live.do("record", { call_id: card.call_id, action }));

export function recordingKeys(card: CallCard): Keys {
  if (!isOwn(card) || !isLive(card)) return {};
  const deed = (action: Deed) => () => act(card, action);
  const keys: Keys = card.recording ? { P: deed(card.recording === "on" ? "pause" : "resume") } : {};
  if (card.recorded === "on demand") keys["O"] = deed(card.recording ? "stop" : "start");
  return keys;
}

export function Recording({ card }: { card: CallCard }) {
  const t = words().recording;
  if (!isLive(card)) return null;
  if (!isOwn(card)) {
    return card.recording === "on" ? (
      <p class="recording rec-on">
        <Mark text={t.on} />
      </p>
    ) : null;
  }
  if (card.recording === "") {
    if (card.recorded !== "on demand") return <Refusal actions={actions} />;
    return (
      <div class="recording" data-testid="recording" data-state="">
        <Act actions={actions} name="record-start" class="small" hint="O" onAct={() => act(card, "start")}>
          <Icon name="record" />
          {t.start}
        </Act>
        <Refusal actions={actions} />
      </div>
    );
  }
  const paused = card.recording === "paused";
  return (
    <div
      class={`recording ${paused ? "rec-paused" : "rec-on"}`}
      data-testid="recording"
      data-state={card.recording}
    >
      <Mark text={paused ? t.paused : t.on} />
      <span class="spring" />
      {paused ? (
        <Act actions={actions} name="record-resume" class="small primary" hint="P" onAct={() => act(card, "resume")}>
          <Icon name="record" />
          {t.resume}
        </Act>
      ) : (
        <Act actions={actions} name="record-pause" class="small" hint="P" tip={t.pauseHint} onAct={() => act(card, "pause")}>
          <Icon name="pause" />
          {t.pause}
        </Act>
      )}
      {card.recorded === "always" ? null : (
        <Act actions={actions} name="record-stop" class="small" hint="O" onAct={() => act(card, "stop")}>
          <Icon name="stop" />
          {t.stop}
        </Act>
      )}
      <Refusal actions={actions} />
    </div>
  );
}

function Mark({ text }: { text: string }) {
  return (
    <strong class="rec-mark" role="status">
      <i class="dot" />
      {text}
    </strong>
  );
}
