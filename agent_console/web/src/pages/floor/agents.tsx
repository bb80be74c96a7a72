/** The agents: state, since when, with whom; and what a supervisor can set. */
import { useMemo, useState } from "preact/hooks";
import { live, store } from "../../console";
import { count, percent } from "../../format";
import { say, wordFor, words } from "../../language";
import { queueName, reasonName, skillName } from "../../names";
import { Actions, Refusal } from "../../parts/actions";
import { Figure, Menu, type MenuItem, ScrollX, Since, StateChip, stateWord, Until } from "../../parts/parts";
import type { AgentLive } from "../../protocol";
import { StaffingDrawer } from "./staffing";
import { ListenButton, mayJoin, supervise } from "./supervise";

const isOff = (agent: AgentLive): boolean => agent.state === "offline";

export function Agents({ onCall }: { onCall: (id: string) => void }) {
  const t = words();
  const actions = useMemo(() => new Actions(), []);
  const [staffed, setStaffed] = useState("");
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
              <AgentRow key={agent.id} agent={agent} actions={actions} onCall={onCall} onStaff={setStaffed} />
            ))}
          </tbody>
        </table>
      </ScrollX>
      {agents.length ? null : <p class="muted pad">{t.floor.noAgents}</p>}
      {staffed ? <StaffingDrawer key={staffed} id={staffed} onClose={() => setStaffed("")} /> : null}
    </section>
  );
}

interface RowProps {
  agent: AgentLive;
  actions: Actions;
  onCall: (id: string) => void;
  onStaff: (id: string) => void;
}

/** Ready, but nothing is offered for a while: calls rang out. */
const isPaused = (agent: AgentLive): boolean => agent.state === "ready" && agent.deadline !== null;

function AgentRow({ agent, actions, onCall, onStaff }: RowProps) {
  const t = words();
  const offline = agent.state === "offline";
  const skills = Object.entries(agent.skills).map(([skill, level]) => `${skillName(skill)} ${level}`);
  const about = [...agent.queues.map((queue) => queueName(queue)), ...skills].join(" · ");
  return (
    <tr class={offline ? "dim" : ""} data-testid={`agent-${agent.id}`} data-state={agent.state}>
      <th scope="row" class="nowrap">
        <button class="bare link" data-tip={about || t.staffing.open} data-testid={`staff-${agent.id}`} onClick={() => onStaff(agent.id)}>
          {agent.name}
        </button>
        {agent.configured ? (
          <small class="muted block" data-testid={`restaffed-${agent.id}`}>
            {t.staffing.differsShort}
          </small>
        ) : null}
      </th>
      <td>
        <StateChip state={agent.state} />
        {agent.reason ? <small class="muted block">{reasonName(agent.reason)}</small> : null}
        {isPaused(agent) ? (
          <small class="muted block" data-testid={`paused-${agent.id}`}>
            {t.floor.pausedFor} <Until at={agent.deadline ?? 0} />
          </small>
        ) : null}
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
        <OpenItems items={agent.items} />
      </td>
      <td class="number figures">{count(agent.today.handled)}</td>
      <td class="number figures">{percent(agent.today.occupancy, 0)}</td>
      <td class="number">
        <span class="row-buttons">
          <ListenButton agent={agent} />
          {offline ? null : <StateMenu agent={agent} actions={actions} onStaff={() => onStaff(agent.id)} />}
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

/** How many work items of each kind the agent has. */
function OpenItems({ items }: { items: Record<string, number> }) {
  const t = words();
  const found = Object.entries(items);
  if (!found.length) return null;
  return (
    <small class="muted block" data-testid="open-items">
      {found.map(([work, number]) => t.items.ofKind(wordFor(t.items.kinds, work), number)).join(" · ")}
    </small>
  );
}

function StateMenu({ agent, actions, onStaff }: { agent: AgentLive; actions: Actions; onStaff: () => void }) {
  const t = words();
  const reasons = store.one("site")?.not_ready_reasons ?? [];
  const joining: MenuItem[] = (["whisper", "barge"] as const).map((mode) => ({
    id: mode,
    label: `${t.supervise.verbs[mode]} · ${t.supervise.hints[mode]}`,
  }));
  const items: MenuItem[] = [
    ...(mayJoin(agent) ? joining : []),
    ...(agent.state === "wrap-up" ? [{ id: "end-wrap-up", label: t.floor.endWrapUp }] : []),
    ...(agent.state === "ready" && !isPaused(agent) ? [] : [{ id: "ready", label: t.floor.setReady }]),
    ...(reasons.length ? reasons : [{ id: "", label: {} }]).map((reason) => ({
      id: `not ready:${reason.id}`,
      label: [t.floor.setNotReady, say(reason.label)].filter(Boolean).join(" · "),
    })),
    { id: "staff", label: t.staffing.open },
    { id: "offline", label: t.floor.signOut, class: "bad-text" },
  ];
  const set = (id: string): void => {
    if (id === "whisper" || id === "barge") return supervise(agent.call_id, id);
    if (id === "staff") return onStaff();
    if (id === "end-wrap-up") {
      void actions.run(`set-${agent.id}`, () => live.do("end_wrap_up", { agent: agent.id }));
      return;
    }
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
