/** Callers' messages that nobody has dealt with yet. */
import { useMemo } from "preact/hooks";
import * as api from "../../api";
import { live, store } from "../../console";
import { clock, timeOfDay } from "../../format";
import { words } from "../../language";
import { queueName } from "../../names";
import { Actions, Refusal } from "../../parts/actions";

const SHOWN = 20;

export function Messages({ onCall }: { onCall: (id: string) => void }) {
  const t = words();
  const actions = useMemo(() => new Actions(), []);
  const all = store.all("voicemail").sort((a, b) => a.at - b.at);
  if (!all.length) return null;
  return (
    <section class="card" aria-label={t.messages.title}>
      <header class="card-head">
        <h2>{t.messages.title}</h2>
        <span class="muted" data-testid="messages-count">
          {all.length}
        </span>
      </header>
      <Refusal actions={actions} />
      <ul class="recordings pad" data-testid="messages">
        {all.slice(0, SHOWN).map((one) => {
          const who = one.caller_name || one.caller || t.app.none;
          return (
            <li key={one.id} data-testid={`message-${one.id}`}>
              <button class="bare link" onClick={() => onCall(one.call_id)}>
                {who}
              </button>{" "}
              <small class="muted">
                {queueName(one.box, one.box)} · {timeOfDay(one.at)} · {clock(one.length_s)}
              </small>
              <audio controls preload="none" src={api.recordingUrl(one.id)} aria-label={t.messages.of(who)} />
              <button
                class="button small"
                disabled={actions.pending.value !== "" || live.connection.value !== "open"}
                onClick={() => void actions.run(one.id, () => live.do("voicemail_done", { recording: one.id }))}
              >
                {t.messages.done}
              </button>
            </li>
          );
        })}
      </ul>
      {all.length > SHOWN ? <p class="muted pad">{t.floor.shown(SHOWN, all.length)}</p> : null}
    </section>
  );
}
