/** What an agent does, as a form has it: compared with what is in force and what is configured. */
import type { AgentLive, Duties, StaffArgs } from "../../protocol";

export const MOST_ORDER = 9;

/** What is in force now. */
export const dutiesOf = ({ queues, skills, order }: Duties): Duties => ({
  queues: [...queues],
  skills: { ...skills },
  order: { ...order },
});

/** What the configuration says: the same, unless a supervisor has set something else. */
export const configuredOf = (agent: AgentLive): Duties => agent.configured ?? dutiesOf(agent);

/** A queue asks agents of a lower number first; 1 unless said otherwise. */
export const orderOf = (duties: Duties, queue: string): number => duties.order[queue] ?? 1;

const sameKeys = (a: Record<string, number>, b: Record<string, number>): boolean =>
  Object.keys(a).length === Object.keys(b).length && Object.entries(a).every(([key, value]) => b[key] === value);

const sameQueues = (a: string[], b: string[]): boolean => a.length === b.length && a.every((queue) => b.includes(queue));

/** Orders of queues that the agent has, without the ones that say nothing. */
function tidy({ queues, skills, order }: Duties): Duties {
  const kept = Object.entries(order).filter(([queue, number]) => queues.includes(queue) && number !== 1);
  return { queues, skills, order: Object.fromEntries(kept) };
}

/** The parts that have changed, as the server takes them; null when nothing has. */
export function changes(before: Duties, after: Duties): Partial<Duties> | null {
  const [was, is] = [tidy(before), tidy(after)];
  const parts: Partial<Duties> = {};
  if (!sameQueues(was.queues, is.queues)) parts.queues = is.queues;
  if (!sameKeys(was.skills, is.skills)) parts.skills = is.skills;
  if (!sameKeys(was.order, is.order)) parts.order = is.order;
  return Object.keys(parts).length ? parts : null;
}

/** What brings an agent back to how it was, whatever happened since. */
export const asBefore = (agent: AgentLive): StaffArgs =>
  agent.configured === null
    ? { agent: agent.id, reset: true }
    : { agent: agent.id, reset: true, ...dutiesOf(agent) };
