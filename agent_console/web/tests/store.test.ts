import { effect } from "@preact/signals";
import { expect, test } from "vitest";
import type { QueueLive } from "../src/protocol";
import { Store } from "../src/store";

const queue = (id: string, waiting: number): QueueLive => ({ id, waiting }) as QueueLive;

test("a snapshot replaces everything, so that what ended while we were away is gone", () => {
  const store = new Store();
  store.snapshot({ "queue:a": queue("a", 1), "queue:b": queue("b", 2) });
  store.snapshot({ "queue:b": queue("b", 3) });
  expect(store.all("queue").map((one) => [one.id, one.waiting])).toEqual([["b", 3]]);
  expect(store.get("queue", "a")).toBeUndefined();
});

test("a delta puts and drops, and an entity that comes back is listed once", () => {
  const store = new Store();
  store.delta({ "queue:a": queue("a", 1) }, []);
  store.delta({}, ["queue:a", "queue:never-seen"]);
  store.delta({ "queue:a": queue("a", 5) }, []);
  expect(store.all("queue").map((one) => one.waiting)).toEqual([5]);
});

test("a change of one entity wakes only those who read it", () => {
  const store = new Store();
  store.delta({ "queue:a": queue("a", 1), "queue:b": queue("b", 1) }, []);
  let redrawn = 0;
  effect(() => {
    store.get("queue", "a");
    redrawn += 1;
  });
  store.delta({ "queue:b": queue("b", 2) }, []);
  expect(redrawn).toBe(1);
  store.delta({ "queue:a": queue("a", 2) }, []);
  expect(redrawn).toBe(2);
});

test("an id with a colon stays one id", () => {
  const store = new Store();
  store.delta({ "queue:a:b": queue("a:b", 4) }, []);
  expect(store.get("queue", "a:b")?.waiting).toBe(4);
});
