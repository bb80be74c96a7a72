/** Who is to be called back: when, how often tried, what was promised. */
import { useMemo } from "preact/hooks";
import { serverNow } from "../../clock";
import { live, store } from "../../console";
import { timeOfDay } from "../../format";
import { words } from "../../language";
import { queueName } from "../../names";
import { Actions, Refusal } from "../../parts/actions";
import { Menu, type MenuItem } from "../../parts/parts";
import type { CallbackLive } from "../../protocol";

const SHOWN = 20;
const HOUR_S = 3600;

export function Callbacks({ onCall }: { onCall: (id: string) => void }) {
  const t = words();
  const actions = useMemo(() => new Actions(), []);
  const all = store.all("callback").sort((a, b) => (a.due ?? 0) - (b.due ?? 0));
  if (!all.length) return null;
  return (
    <section class="card" aria-label={t.callbacks.title}>
      <header class="card-head">
        <h2>{t.callbacks.title}</h2>
        <span class="muted" data-testid="callbacks-count">
          {all.length}
        </span>
      </header>
      <Refusal actions={actions} />
      <div class="scroll-x">
        <table class="table" data-testid="callbacks">
          <tbody>
            {all.slice(0, SHOWN).map((one) => (
              <Row key={one.id} one={one} actions={actions} onCall={onCall} />
            ))}
          </tbody>
        </table>
      </div>
      {all.length > SHOWN ? <p class="muted pad">{t.floor.shown(SHOWN, all.length)}</p> : null}
    </section>
  );
}

interface RowProps {
  one: CallbackLive;
  actions: Actions;
  onCall: (id: string) => void;
}

function Row({ one, actions, onCall }: RowProps) {
  const t = words();
  const who = one.caller_name || one.caller;
  const items: MenuItem[] = [
    ...(one.due === null ? [] : [{ id: "now", label: t.callbacks.now }]),
    { id: "later", label: t.callbacks.later },
    { id: "off", label: t.callbacks.off, class: "bad-text" },
  ];
  const set = (id: string): void => {
    const callback = one.id;
    void actions.run(callback, () => {
      if (id === "now") return live.do("call_back_now", { callback });
      if (id === "off") return live.do("cancel_callback", { callback, why: "" });
      return live.do("move_callback", { callback, due: Math.max(one.due ?? 0, serverNow()) + HOUR_S });
    });
  };
  return (
    <tr data-testid={`callback-${one.id}`}>
      <td>
        <button class="bare link" onClick={() => onCall(one.id)}>
          {who}
        </button>
        <small class="muted block">{queueName(one.queue, one.queue)}</small>
      </td>
      <td>
        {one.due === null ? t.callbacks.soon : t.callbacks.at(timeOfDay(one.due))}
        <small class="muted block">
          {[
            one.promised === null ? "" : t.callbacks.promised(timeOfDay(one.promised)),
            one.attempts ? t.callbacks.tried(one.attempts) : "",
          ]
            .filter(Boolean)
            .join(" · ")}
        </small>
      </td>
      <td class="number">
        <Menu
          testid={`set-callback-${one.id}`}
          class="small plain"
          title={`${t.callbacks.title}: ${who}`}
          label={<span class="dots">⋯</span>}
          disabled={live.connection.value !== "open" || actions.pending.value !== ""}
          busy={actions.pending.value === one.id}
          items={items}
          onChoose={set}
        />
      </td>
    </tr>
  );
}
