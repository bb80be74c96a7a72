/** To whom a call can be given: found, ordered and worded; no screen here. */
import type { Choice, Colleague, QueueLive, SpeedDial, TargetKind } from "../../protocol";

export interface Target {
  kind: TargetKind;
  id: string;
  name: string;
  /** A colleague's state; "" for everything else. */
  state: string;
  /** Can be rung, or takes callers at any time. */
  available: boolean;
  /** What else it is found by. */
  also: string;
}

const SHOWN_OF_A_KIND = 50;

/** Ready first, then those who will soon be, at the end who is not here. */
const ORDER = ["ready", "wrap-up", "reserved", "talking", "held", "consulting", "conference", "not ready", "fault"];

const rank = (state: string): number => {
  const at = ORDER.indexOf(state);
  return at < 0 ? ORDER.length : at;
};

export interface Directory {
  colleagues: readonly Colleague[];
  queues: readonly QueueLive[];
  flows: readonly Choice[];
  speedDials: readonly SpeedDial[];
  /** This agent: nobody asks oneself. */
  me: string;
  label: (labels: Record<string, string>) => string;
  queueName: (id: string, fallback?: string) => string;
}

export function targets(from: Directory, kinds: readonly TargetKind[]): Target[] {
  const people: Target[] = from.colleagues
    .filter((one) => one.id !== from.me)
    .map((one) => ({
      kind: "agent" as const,
      id: one.id,
      name: one.name,
      state: one.state,
      available: one.state === "ready",
      also: one.queues.map((queue) => from.queueName(queue)).join(" "),
    }))
    .sort((a, b) => rank(a.state) - rank(b.state) || a.name.localeCompare(b.name));
  const plain = (kind: TargetKind, id: string, name: string): Target => ({
    kind,
    id,
    name,
    state: "",
    available: true,
    also: id,
  });
  const all = [
    ...people,
    ...from.queues.map((queue) => plain("queue", queue.id, from.queueName(queue.id, queue.name))),
    ...from.flows.map((flow) => plain("flow", flow.id, from.label(flow.label) || flow.id)),
    ...from.speedDials.map((one) => plain("number", one.number, from.label(one.label) || one.number)),
  ];
  return all.filter((one) => kinds.includes(one.kind));
}

const byName = (one: Target, wanted: readonly string[]): boolean => {
  const text = `${one.name} ${one.id}`.toLowerCase();
  return wanted.every((word) => text.includes(word));
};

/** What is called as was typed comes before the people who only serve such a queue. */
function namedFirst(found: readonly Target[], wanted: readonly string[]): Target[] {
  const named = found.filter((one) => byName(one, wanted));
  const kinds = [...new Set([...named, ...found].map((one) => one.kind))];
  return kinds.flatMap((kind) => {
    const those = found.filter((one) => one.kind === kind);
    return [...those.filter((one) => byName(one, wanted)), ...those.filter((one) => !byName(one, wanted))];
  });
}

/** Those in which every typed word is found; a typed number comes as a target of its own. */
export function search(all: readonly Target[], typed: string, kinds: readonly TargetKind[]): Target[] {
  const wanted = typed.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const count = new Map<TargetKind, number>();
  const found = all.filter((one) => {
    const text = `${one.name} ${one.id} ${one.also}`.toLowerCase();
    if (!wanted.every((word) => text.includes(word))) return false;
    const n = (count.get(one.kind) ?? 0) + 1;
    count.set(one.kind, n);
    return n <= SHOWN_OF_A_KIND;
  });
  const number = dialable(typed);
  if (number && kinds.includes("number") && !found.some((one) => one.id === number)) {
    found.push({ kind: "number", id: number, name: typed.trim(), state: "", available: true, also: "" });
  }
  return namedFirst(found, wanted);
}

/** What was typed as a number that can be dialled, or "": digits, at most a plus before them. */
export function dialable(typed: string): string {
  const plain = typed.trim().replace(/[\s().\/-]/g, "");
  return /^\+?[0-9]{3,15}$/.test(plain) ? plain : "";
}
