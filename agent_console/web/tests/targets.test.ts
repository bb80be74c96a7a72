import { expect, test } from "vitest";
import { dialable, type Directory, search, targets } from "../src/pages/desk/targets";
import type { QueueLive, TargetKind } from "../src/protocol";

const EVERY: TargetKind[] = ["agent", "queue", "flow", "number"];
const directory: Directory = {
  colleagues: [
    { id: "zoe", name: "Zoe", state: "ready", queues: ["billing"] },
    { id: "ben", name: "Ben", state: "offline", queues: ["support"] },
    { id: "anna", name: "Anna", state: "talking", queues: [] },
    { id: "amy", name: "Amy", state: "ready", queues: ["support"] },
    { id: "odd", name: "Odd", state: "a state of tomorrow", queues: [] },
  ],
  queues: [{ id: "billing", name: "Billing" } as QueueLive],
  flows: [{ id: "main", label: { en: "Main menu" } }],
  speedDials: [{ number: "+14165550142", label: { en: "Warehouse" } }],
  me: "anna",
  label: (labels) => labels["en"] ?? "",
  queueName: (id) => ({ billing: "Billing", support: "Support" })[id] ?? id,
};
const ids = (typed: string, kinds = EVERY): string[] =>
  search(targets(directory, kinds), typed, kinds).map((one) => `${one.kind}:${one.id}`);

test("who is ready stands first, who is not here last, and oneself nowhere", () => {
  expect(ids("", ["agent"])).toEqual(["agent:amy", "agent:zoe", "agent:ben", "agent:odd"]);
  expect(targets(directory, ["agent"]).map((one) => one.available)).toEqual([true, true, false, false]);
});

test("people are found by their queues, too, after the queue itself, and every word must fit", () => {
  expect(ids("billing")).toEqual(["queue:billing", "agent:zoe"]);
  expect(ids("zoe billing")).toEqual(["agent:zoe"]);
  expect(ids("zoe support")).toEqual([]);
  expect(ids("MAIN")).toEqual(["flow:main"]);
});

test("a typed number is a target of its own, where numbers are allowed, and only once", () => {
  expect(ids("(416) 555-0199")).toEqual(["number:4165550199"]);
  expect(ids("+14165550142")).toEqual(["number:+14165550142"]);
  expect(ids("4165550199", ["agent"])).toEqual([]);
});

test("of a large company only the first fifty of a kind are drawn", () => {
  const many = Array.from({ length: 400 }, (_, i) => ({ id: `a${i}`, name: `A ${i}`, state: "ready", queues: [] }));
  const all = targets({ ...directory, colleagues: many }, EVERY);
  expect(search(all, "", EVERY).filter((one) => one.kind === "agent")).toHaveLength(50);
});

test.each([
  ["+1 (416) 555-0100", "+14165550100"],
  ["112", "112"],
  ["12", ""],
  ["+", ""],
  ["1+416555", ""],
  ["4165550100;ext=5", ""],
  ["sip:anna@example.org", ""],
  ["1".repeat(16), ""],
  ["", ""],
])("%s as a number is %s", (typed, number) => {
  expect(dialable(typed)).toBe(number);
});
