/** The agents: state, since when, with whom; and what a supervisor can set. */
import { useMemo } from "preact/hooks";
import { live, store } from "../../console";
import { count, percent } from "../../format";
import { say, words } from "../../language";
import { queueName, reasonName } from "../../names";
import { Actions, Refusal } from "../../parts/actions";
import { Figure, Menu, type MenuItem, ScrollX, Since, StateChip, stateWord } from "../../parts/parts";
import type { AgentLive } from "../../protocol";
import { ListenButton, mayJoin, supervise } from "./supervise";

const isOff = (agent: AgentLive): boolean => agent.state === "offline";

export function Agents({ onCall }: { onCall: (id: string) => void }) {
  const t = words();
  const actions = useMemo(() => new Actions(), []);
  // By name: rows that jump with each change of state would be pressed by mistake.
  const agents = store
    .all("agent")
    .sort((a, b) => Number(isOff(a)) - Number(isOff(b)) || a.name.localeCompare(b.name));
  const here = agents.filter((agent) => agent.state !== "offline").length;
  return (
    <section class="card" aria-label={t.floor.agents}>
      <header class="card-head">
        <h2>{t.floor.agents}</h2>
        <span class="muted">{t.floor.signedIn(here)}</span>
      </header>
      <Refusal actions={actions} />
      {agents.length && !here ? (
        <p class="muted pad" data-testid="agents-none-here">
          {t.floor.nobodyHere}
        </p>
      ) : null}
      <ScrollX label={t.floor.agents}>
        <table class="table" data-testid="agents">
          <thead>
            <tr>
              <th>{t.floor.agent}</th>
              <th>{t.floor.state}</th>
              <th class="number">{t.floor.since}</th>
              <th>{t.floor.onCall}</th>
              <th class="number">{t.floor.handled}</th>
              <th class="number">
                <Figure of="occupancy" name={t.desk.occupancy} />
              </th>
              <th />
            </tr>
          </thead>
          <tbody>
            {agents.map((agent) => (
              <AgentRow key={agent.id} agent={agent} actions={actions} onCall={onCall} />
            ))}
          </tbody>
        </table>
      </ScrollX>
      {agents.length ? null : <p class="muted pad">{t.floor.noAgents}</p>}
    </section>
  );
}

interface RowProps {
  agent: AgentLive;
  actions: Actions;
  onCall: (id: string) => void;
}

function AgentRow({ agent, actions, onCall }: RowProps) {
  const t = words();
  const offline = agent.state === "offline";
  const skills = Object.entries(agent.skills).map(([skill, level]) => `${skill} ${level}`);
  const about = [...agent.queues.map((queue) => queueName(queue)), ...skills].join(" · ");
  return (
    <tr class={offline ? "dim" : ""} data-testid={`agent-${agent.id}`} data-state={agent.state}>
      <th scope="row" class="nowrap">
        <span data-tip={about} tabIndex={0}>
          {agent.name}
        </span>
      </th>
      <td>
        <StateChip state={agent.state} />
        {agent.reason ? <small class="muted block">{reasonName(agent.reason)}</small> : null}
        {!offline && !agent.phone.up ? <small class="bad-text block">{t.floor.phoneDown}</small> : null}
        {agent.intent && ["reserved", "talking", "held", "consulting", "conference", "wrap-up"].includes(agent.state) && agent.intent !== "ready" ? (
          <small class="muted block">→ {stateWord(agent.intent)}</small>
        ) : null}
      </td>
      <td class="number">{offline ? <span class="muted">{t.app.none}</span> : <Since at={agent.since} />}</td>
      <td>
        {agent.call_id ? (
          <button class="bare link figures" onClick={() => onCall(agent.call_id)}>
            {agent.caller || t.call.anonymous}
          </button>
        ) : (
          <span class="muted">{t.app.none}</span>
        )}
        {agent.call_id && agent.queue ? <small class="muted block">{queueName(agent.queue)}</small> : null}
        <CallMarks agent={agent} />
      </td>
      <td class="number figures">{count(agent.today.handled)}</td>
      <td class="number figures">{percent(agent.today.occupancy, 0)}</td>
      <td class="number">
        <span class="row-buttons">
          <ListenButton agent={agent} />
          {offline ? null : <StateMenu agent={agent} actions={actions} />}
        </span>
      </td>
    </tr>
  );
}

/** Muted, recorded, who else is in it: what the supervisor cannot hear from the state. */
function CallMarks({ agent }: { agent: AgentLive }) {
  const t = words();
  const others = agent.legs.map((leg) => {
    if (!leg.supervision) return leg.name || leg.number;
    return leg.supervision === "barge"
      ? t.floor.bargedIn(leg.name)
      : t.legs.supervising[leg.supervision](leg.name);
  });
  return (
    <>
      {agent.muted || agent.recording ? (
        <span class="call-marks">
          {agent.muted ? <span class="tag">{t.floor.muted}</span> : null}
          {agent.recording ? (
            <span
              class={`tag ${agent.recording === "on" ? "rec-on" : "rec-paused"}`}
              data-testid={`recorded-${agent.id}`}
            >
              {agent.recording === "on" ? t.recording.on : t.recording.paused}
            </span>
          ) : null}
        </span>
      ) : null}
      {others.length ? (
        <small class="muted block" data-testid={`others-${agent.id}`}>
          {others.join(" · ")}
        </small>
      ) : null}
    </>
  );
}

function StateMenu({ agent, actions }: { agent: AgentLive; actions: Actions }) {
  const t = words();
  const reasons = store.one("site")?.not_ready_reasons ?? [];
  const joining: MenuItem[] = (["whisper", "barge"] as const).map((mode) => ({
    id: mode,
    label: `${t.supervise.verbs[mode]} · ${t.supervise.hints[mode]}`,
  }));
  const items: MenuItem[] = [
    ...(mayJoin(agent) ? joining : []),
    ...(agent.state === "ready" ? [] : [{ id: "ready", label: t.floor.setReady }]),
    ...(reasons.length ? reasons : [{ id: "", label: {} }]).map((reason) => ({
      id: `not ready:${reason.id}`,
      label: [t.floor.setNotReady, say(reason.label)].filter(Boolean).join(" · "),
    })),
    { id: "offline", label: t.floor.signOut, class: "bad-text" },
  ];
  const set = (id: string): void => {
    if (id === "whisper" || id === "barge") return supervise(agent.call_id, id);
    const [state = "", reason = ""] = id.split(":");
    void actions.run(`set-${agent.id}`, () => live.do("set_agent_state", { agent: agent.id, state, reason }));
  };
  return (
    <Menu
      testid={`set-${agent.id}`}
      class="small plain"
      title={`${t.floor.actions}: ${agent.name}`}
      label={<span class="dots">⋯</span>}
      disabled={live.connection.value !== "open" || actions.pending.value !== ""}
      busy={actions.pending.value === `set-${agent.id}`}
      items={items}
      onChoose={set}
    />
  );
}
