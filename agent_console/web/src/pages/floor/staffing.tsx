/** What agents do, changed at once: one agent's queues and skills, or a queue's agents. */
import { signal } from "@preact/signals";
import { useEffect, useMemo, useState } from "preact/hooks";
import { live, store } from "../../console";
import { words } from "../../language";
import { Refused } from "../../live";
import { queueName, skillName } from "../../names";
import { Act, Actions, Refusal } from "../../parts/actions";
import { Drawer, StateChip } from "../../parts/parts";
import type { AgentLive, Choice, Duties, QueueLive, StaffArgs } from "../../protocol";
import { asBefore, changes, configuredOf, dutiesOf, MOST_ORDER, orderOf } from "./duties";

const HIGHEST_LEVEL = 10;
const UNDO_ms = 30_000;

// Undo ------------------------------------------------------------------------------------------

interface Undo {
  text: string;
  /** The arguments of `staff`, one for each agent. */
  steps: StaffArgs[];
}

const undo = signal<Undo | null>(null);
const undoing = new Actions();
let hiding: ReturnType<typeof setTimeout> | undefined;

function offerUndo(found: Undo): void {
  undo.value = found;
  undoing.refused.value = null;
  clearTimeout(hiding);
  hiding = setTimeout(() => (undo.value = null), UNDO_ms);
}

/** Somebody may have been quicker: then it is as it was wanted. */
async function staffUnlessSo(step: StaffArgs): Promise<void> {
  try {
    await live.do("staff", step);
  } catch (problem) {
    if (!(problem instanceof Refused && problem.code === "no-change")) throw problem;
  }
}

/** What has just been changed, and the way back, for half a minute. */
export function UndoBar() {
  const t = words().staffing;
  const now = undo.value;
  if (!now) return null;
  const back = (): void =>
    void undoing
      .run("undo", async () => {
        for (const step of now.steps) await staffUnlessSo(step);
      })
      .then((done) => done && (undo.value = null));
  return (
    <div class="banner info slim undo-bar" role="status" data-testid="undo-bar">
      <span>{now.text}</span>
      <Act actions={undoing} name="undo" class="small" onAct={back}>
        {t.undo}
      </Act>
      <button class="bare" aria-label={words().app.close} onClick={() => (undo.value = null)}>
        ×
      </button>
      <Refusal actions={undoing} />
    </div>
  );
}

// One agent -------------------------------------------------------------------------------------

/** The order in which the site lists them; what it no longer lists comes last. */
function listed(known: Choice[], named: string[]): string[] {
  const ids = known.map((one) => one.id);
  return [...ids, ...named.filter((id) => !ids.includes(id))];
}

export function StaffingDrawer({ id, onClose }: { id: string; onClose: () => void }) {
  const agent = store.get("agent", id);
  // Who is no longer configured has nothing to be changed.
  const gone = agent === undefined;
  useEffect(() => {
    if (gone) onClose();
  }, [gone]);
  return agent ? <AgentForm agent={agent} onClose={onClose} /> : null;
}

function AgentForm({ agent, onClose }: { agent: AgentLive; onClose: () => void }) {
  const t = words().staffing;
  const actions = useMemo(() => new Actions(), []);
  const before = useMemo(() => agent, []);
  const [duties, setDuties] = useState<Duties>(() => dutiesOf(agent));
  const configured = configuredOf(agent);
  const parts = changes(dutiesOf(before), duties);
  const differs = changes(configured, duties) !== null;
  const site = store.one("site");
  const queues = listed(site?.queues ?? [], configured.queues);
  const skills = listed(site?.skills ?? [], [...Object.keys(configured.skills), ...Object.keys(duties.skills)]);
  const save = (): void =>
    void actions
      .run("save-staffing", () => live.do("staff", { agent: agent.id, ...parts }))
      .then((done) => {
        if (!done) return;
        offerUndo({ text: t.changed(agent.name), steps: [asBefore(before)] });
        onClose();
      });
  return (
    <Drawer title={t.title(agent.name)} onClose={onClose}>
      <form
        class="staffing"
        data-testid="staffing"
        onSubmit={(event) => {
          event.preventDefault();
          if (parts) save();
        }}
      >
        <p class={`staffing-state ${differs ? "differs" : ""}`} data-testid="staffing-differs">
          <span>{differs ? t.differs : t.asConfigured}</span>
          {differs ? (
            <button type="button" class="button small" data-testid="staffing-reset" onClick={() => setDuties(dutiesOf(configured))}>
              {t.reset}
            </button>
          ) : null}
        </p>
        <QueueBoxes ids={queues} duties={duties} configured={configured} onChange={setDuties} />
        <SkillLevels ids={skills} duties={duties} configured={configured} onChange={setDuties} />
        <p class="muted">{t.atOnce}</p>
        <Refusal actions={actions} />
        <div class="dialog-foot">
          <button type="button" class="button plain" onClick={onClose}>
            {words().app.cancel}
          </button>
          <Act actions={actions} name="save-staffing" class="primary" submit disabled={!parts}>
            {t.save}
          </Act>
        </div>
      </form>
    </Drawer>
  );
}

interface PartProps {
  ids: string[];
  duties: Duties;
  configured: Duties;
  onChange: (duties: Duties) => void;
}

function QueueBoxes({ ids, duties, configured, onChange }: PartProps) {
  const t = words().staffing;
  const set = (id: string, on: boolean): void =>
    onChange({ ...duties, queues: on ? [...duties.queues, id] : duties.queues.filter((one) => one !== id) });
  return (
    <fieldset>
      <legend>
        {t.queues}
        <small class="muted">
          <span data-tip={t.orderHint} tabIndex={0} class="figure">
            {t.order}
          </span>
        </small>
      </legend>
      {ids.length ? null : <p class="muted">{t.noQueues}</p>}
      <ul>
        {ids.map((id) => {
          const on = duties.queues.includes(id);
          const was = configured.queues.includes(id);
          const usual = orderOf(configured, id);
          const note = on !== was ? (on ? t.added : t.taken) : on && orderOf(duties, id) !== usual ? t.was(usual) : "";
          return (
            <li key={id} class={note ? "differs" : ""} data-testid={`staffing-queue-${id}`}>
              <label class="check">
                <input type="checkbox" checked={on} onChange={(event) => set(id, event.currentTarget.checked)} />
                <span>{queueName(id)}</span>
              </label>
              {note ? <small class="tag">{note}</small> : null}
              <select
                aria-label={`${t.order}: ${queueName(id)}`}
                disabled={!on}
                value={orderOf(duties, id)}
                onChange={(event) =>
                  onChange({ ...duties, order: { ...duties.order, [id]: Number(event.currentTarget.value) } })
                }
              >
                {Array.from({ length: Math.max(MOST_ORDER, orderOf(duties, id)) }, (_, i) => (
                  <option key={i} value={i + 1}>
                    {i + 1}
                  </option>
                ))}
              </select>
            </li>
          );
        })}
      </ul>
    </fieldset>
  );
}

function SkillLevels({ ids, duties, configured, onChange }: PartProps) {
  const t = words().staffing;
  const set = (id: string, level: number): void => {
    const skills = { ...duties.skills };
    if (level) skills[id] = level;
    else delete skills[id];
    onChange({ ...duties, skills });
  };
  return (
    <fieldset>
      <legend>
        {t.skills}
        <small class="muted">
          <span data-tip={t.levelHint} tabIndex={0} class="figure">
            {t.level}
          </span>
        </small>
      </legend>
      {ids.length ? null : <p class="muted">{t.noSkills}</p>}
      <ul>
        {ids.map((id) => {
          const level = duties.skills[id] ?? 0;
          const usual = configured.skills[id] ?? 0;
          const note = level === usual ? "" : !usual ? t.added : !level ? t.taken : t.was(usual);
          return (
            <li key={id} class={note ? "differs" : ""} data-testid={`staffing-skill-${id}`}>
              <span class={level ? "" : "muted"}>{skillName(id)}</span>
              {note ? <small class="tag">{note}</small> : null}
              <select
                aria-label={`${t.level}: ${skillName(id)}`}
                value={level}
                onChange={(event) => set(id, Number(event.currentTarget.value))}
              >
                <option value={0}>{words().app.none}</option>
                {Array.from({ length: HIGHEST_LEVEL }, (_, i) => (
                  <option key={i} value={i + 1}>
                    {i + 1}
                  </option>
                ))}
              </select>
            </li>
          );
        })}
      </ul>
    </fieldset>
  );
}

// A queue's agents ------------------------------------------------------------------------------

/** Below a queue's agents: who else is to serve it? */
export function QueueAgentsButton({ queue }: { queue: QueueLive }) {
  const t = words().staffing;
  const [open, setOpen] = useState(false);
  return (
    <>
      <button
        type="button"
        class="bare link small-link"
        data-testid={`agents-of-${queue.id}`}
        aria-label={`${t.addAgents}: ${queueName(queue.id, queue.name)}`}
        disabled={live.connection.value !== "open"}
        onClick={() => setOpen(true)}
      >
        {t.addAgents}
      </button>
      {open ? <QueueAgents queue={queue} onClose={() => setOpen(false)} /> : null}
    </>
  );
}

const rank = (agent: AgentLive): number => (agent.state === "ready" ? 0 : agent.state === "offline" ? 2 : 1);

function QueueAgents({ queue, onClose }: { queue: QueueLive; onClose: () => void }) {
  const t = words().staffing;
  const name = queueName(queue.id, queue.name);
  const actions = useMemo(() => new Actions(), []);
  const [sought, setSought] = useState("");
  const [wanted, setWanted] = useState<Record<string, boolean>>({});
  // The order of the moment of opening: a row must not jump from under the pointer.
  const order = useMemo(
    () =>
      store
        .all("agent")
        .sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name))
        .map((agent) => agent.id),
    [],
  );
  const agents = order.flatMap((id) => store.get("agent", id) ?? []);
  const changed = agents.filter((agent) => {
    const want = wanted[agent.id];
    return want !== undefined && want !== agent.queues.includes(queue.id);
  });
  const shown = agents.filter((agent) => agent.name.toLocaleLowerCase().includes(sought.trim().toLocaleLowerCase()));
  const save = (): void => {
    const steps = changed.map(asBefore);
    const done: StaffArgs[] = [];
    void actions
      .run("save-queue-agents", async () => {
        for (const [i, agent] of changed.entries()) {
          const queues = wanted[agent.id]
            ? [...agent.queues, queue.id]
            : agent.queues.filter((one) => one !== queue.id);
          await staffUnlessSo({ agent: agent.id, queues });
          const step = steps[i];
          if (step) done.push(step);
        }
      })
      .then((all) => {
        if (done.length) offerUndo({ text: t.changedQueue(name, done.length), steps: done });
        if (all) onClose();
      });
  };
  return (
    <Drawer title={t.agentsOf(name)} onClose={onClose}>
      <form
        class="staffing"
        data-testid="queue-agents"
        onSubmit={(event) => {
          event.preventDefault();
          if (changed.length) save();
        }}
      >
        <p class="muted">{t.agentsHint}</p>
        {agents.length > 8 ? (
          <input
            type="search"
            placeholder={t.find}
            aria-label={t.find}
            value={sought}
            onInput={(event) => setSought(event.currentTarget.value)}
          />
        ) : null}
        <ul class="people">
          {shown.map((agent) => {
            const serves = agent.queues.includes(queue.id);
            const on = wanted[agent.id] ?? serves;
            return (
              <li key={agent.id} class={on === serves ? "" : "differs"} data-testid={`queue-agent-${agent.id}`}>
                <label class="check">
                  <input
                    type="checkbox"
                    checked={on}
                    onChange={(event) => setWanted({ ...wanted, [agent.id]: event.currentTarget.checked })}
                  />
                  <span>
                    {agent.name}
                    <small class="muted block">
                      {agent.queues.map((one) => queueName(one)).join(" · ") || t.noQueuesYet}
                    </small>
                  </span>
                </label>
                {on === serves ? null : <small class="tag">{on ? t.added : t.taken}</small>}
                <StateChip state={agent.state} />
              </li>
            );
          })}
        </ul>
        {shown.length ? null : <p class="muted">{t.nobody}</p>}
        <Refusal actions={actions} />
        <div class="dialog-foot">
          <button type="button" class="button plain" onClick={onClose}>
            {words().app.cancel}
          </button>
          <Act actions={actions} name="save-queue-agents" class="primary" submit disabled={!changed.length}>
            {t.saveAgents(changed.length)}
          </Act>
        </div>
      </form>
    </Drawer>
  );
}
