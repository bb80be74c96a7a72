/** Callers who were parked: whoever of the queue is free may pick them up. */
import { useMemo } from "preact/hooks";
import { live, store } from "../../console";
import { words } from "../../language";
import { queueName } from "../../names";
import { Act, Actions, Refusal } from "../../parts/actions";
import { Since, Until } from "../../parts/parts";
import { mayDial } from "./dial";

export function Parked() {
  const t = words();
  const actions = useMemo(() => new Actions(), []);
  const parked = store.all("parked").sort((a, b) => a.since - b.since);
  if (!parked.length) return null;
  return (
    <section class="card quiet" aria-label={t.parked.title} data-testid="parked">
      <h2>{t.parked.title}</h2>
      <ul class="parked-list">
        {parked.map((one) => (
          <li key={one.call_id} data-testid={`parked-${one.call_id}`}>
            <span>
              <strong>{one.caller_name || one.caller || t.call.anonymous}</strong>
              <small class="muted block">{queueName(one.queue)}</small>
            </span>
            <span class="muted">
              <Since at={one.since} />
              {one.until === null ? null : (
                <small class="block">
                  {t.parked.backIn} <Until at={one.until} />
                </small>
              )}
            </span>
            <Act
              actions={actions}
              name={`pick-${one.call_id}`}
              class="small"
              testid="pick"
              disabled={!mayDial()}
              {...(mayDial() ? {} : { tip: t.parked.onlyFree })}
              onAct={() => void actions.run(`pick-${one.call_id}`, () => live.do("pick", { call_id: one.call_id }))}
            >
              {t.parked.pick}
            </Act>
          </li>
        ))}
      </ul>
      <Refusal actions={actions} />
    </section>
  );
}
