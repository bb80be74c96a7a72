/** Everybody who waits, and why still. */
import { second } from "../../clock";
import { store } from "../../console";
import { clock } from "../../format";
import { say, words } from "../../language";
import { queueName } from "../../names";
import type { WaitingCall } from "../../protocol";
import * as levels from "./levels";

const SHOWN = 50;

export function Waiting({ onCall }: { onCall: (id: string) => void }) {
  const t = words();
  const all = store.all("waiting").sort((a, b) => a.entered - b.entered);
  return (
    <section class="card" aria-label={t.floor.waiting}>
      <header class="card-head">
        <h2>{t.floor.waiting}</h2>
        <span class="muted" data-testid="waiting-count">
          {all.length || ""}
        </span>
      </header>
      {all.length ? (
        <div class="scroll-x">
          <table class="table" data-testid="waiting">
            <thead>
              <tr>
                <th class="number">{t.floor.position}</th>
                <th>{t.floor.caller}</th>
                <th>{t.floor.queue}</th>
                <th class="number">{t.floor.wait}</th>
                <th>{t.floor.whyWaiting}</th>
              </tr>
            </thead>
            <tbody>
              {all.slice(0, SHOWN).map((call) => (
                <WaitingRow key={call.call_id} call={call} onCall={onCall} />
              ))}
            </tbody>
          </table>
          {all.length > SHOWN ? <p class="muted pad">{t.floor.shown(SHOWN, all.length)}</p> : null}
        </div>
      ) : (
        <p class="muted pad" data-testid="waiting-none">
          {t.floor.waitingNone}
        </p>
      )}
    </section>
  );
}

/** A caller without a name is called by the number. */
const hasName = (call: WaitingCall): boolean => call.caller_name !== "" && call.caller_name !== call.caller;

function WaitingRow({ call, onCall }: { call: WaitingCall; onCall: (id: string) => void }) {
  const t = words();
  const threshold_s = store.get("queue", call.queue)?.threshold_s ?? 20;
  const waited_s = second.value - call.entered;
  return (
    <tr data-testid={`waiting-${call.call_id}`}>
      <td class="number figures">{call.position || t.app.none}</td>
      <td>
        <button class={`bare link ${hasName(call) ? "" : "figures"}`} onClick={() => onCall(call.call_id)}>
          {call.caller_name || call.caller || t.call.anonymous}
        </button>
        {call.kind === "callback" ? <span class="tag after">{t.call.callback}</span> : null}
        {hasName(call) && call.caller ? (
          <small class="muted block figures">{call.caller}</small>
        ) : null}
      </td>
      <td class="nowrap">
        {queueName(call.queue)}
        {call.priority ? <small class="muted block">{t.floor.priority(call.priority)}</small> : null}
      </td>
      <td class="number">
        <span class={`level figures ${levels.wait(waited_s, threshold_s)}`}>{clock(waited_s)}</span>
      </td>
      <td class="why" data-testid="waiting-why">
        {say(call.why?.text) || call.why?.code}
      </td>
    </tr>
  );
}
