/** Everybody who waits, and why still. */
import { second } from "../../clock";
import { useMemo } from "preact/hooks";
import { live, store } from "../../console";
import { clock } from "../../format";
import { say, words } from "../../language";
import { queueName } from "../../names";
import { Actions, Refusal } from "../../parts/actions";
import { Menu, type MenuItem } from "../../parts/parts";
import type { AgentLive, WaitingCall } from "../../protocol";
import * as levels from "./levels";
import { withPhone } from "./supervise";

const SHOWN = 50;

export function Waiting({ onCall }: { onCall: (id: string) => void }) {
  const t = words();
  const actions = useMemo(() => new Actions(), []);
  const all = store
    .all("waiting")
    .sort((a, b) => Number(b.parked) - Number(a.parked) || a.entered - b.entered);
  return (
    <section class="card" aria-label={t.floor.waiting}>
      <header class="card-head">
        <h2>{t.floor.waiting}</h2>
        <span class="muted" data-testid="waiting-count">
          {all.length || ""}
        </span>
      </header>
      <Refusal actions={actions} />
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
                <th />
              </tr>
            </thead>
            <tbody>
              {all.slice(0, SHOWN).map((call) => (
                <WaitingRow key={call.call_id} call={call} actions={actions} onCall={onCall} />
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

/** Out of turn: to a ready agent, or to the supervisor's own phone. */
function TakeMenu({ call, actions }: { call: WaitingCall; actions: Actions }) {
  const t = words();
  const me = store.one("me")?.agent_id ?? "";
  const serves = (agent: AgentLive): boolean => agent.queues.includes(call.queue);
  const ready = store
    .all("agent")
    .filter((agent) => agent.state === "ready" && agent.id !== me)
    .sort((a, b) => Number(serves(b)) - Number(serves(a)) || a.name.localeCompare(b.name));
  const items: MenuItem[] = ready.map((agent) => ({ id: agent.id, label: agent.name }));
  if (me) items.push({ id: "", label: t.parked.pickSelf });
  const take = (agent: string): void =>
    void actions.run(`assign-${call.call_id}`, async () => {
      const { call_id } = call;
      if (agent) return live.do("assign", { call_id, agent });
      await withPhone();
      return live.do("pick", { call_id });
    });
  return (
    <Menu
      testid={`take-${call.call_id}`}
      class="small plain"
      title={ready.length ? t.parked.assign : t.parked.nobodyReady}
      label={<span class="dots">⋯</span>}
      disabled={live.connection.value !== "open" || actions.pending.value !== ""}
      busy={actions.pending.value === `assign-${call.call_id}`}
      items={items}
      onChoose={take}
    />
  );
}

/** A caller without a name is called by the number. */
const hasName = (call: WaitingCall): boolean => call.caller_name !== "" && call.caller_name !== call.caller;

interface RowProps {
  call: WaitingCall;
  actions: Actions;
  onCall: (id: string) => void;
}

function WaitingRow({ call, actions, onCall }: RowProps) {
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
        {call.parked ? <span class="tag after">{t.parked.parked}</span> : null}
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
      <td class="number">{call.kind === "call" ? <TakeMenu call={call} actions={actions} /> : null}</td>
    </tr>
  );
}
