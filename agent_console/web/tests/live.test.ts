import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Live, Refused, type Socketish } from "../src/live";
import { Store } from "../src/store";

class FakeSocket implements Socketish {
  static all: FakeSocket[] = [];
  readyState = 0;
  onopen: ((event: Event) => void) | null = null;
  onmessage: ((event: MessageEvent) => void) | null = null;
  onclose: ((event: CloseEvent) => void) | null = null;
  sent: Record<string, unknown>[] = [];

  constructor() {
    FakeSocket.all.push(this);
  }

  send(data: string): void {
    this.sent.push(JSON.parse(data) as Record<string, unknown>);
  }

  close(): void {
    this.readyState = 3;
  }

  accept(): void {
    this.readyState = 1;
    this.onopen?.(new Event("open"));
  }

  say(frame: object): void {
    this.onmessage?.({ data: JSON.stringify(frame) } as MessageEvent);
  }

  break(code = 1006): void {
    this.readyState = 3;
    this.onclose?.({ code } as CloseEvent);
  }
}

const last = (): FakeSocket => FakeSocket.all[FakeSocket.all.length - 1] as FakeSocket;
const snapshot = { t: "snapshot", epoch: "e1", seq: 20, now: 1000, put: { "queue:a": { id: "a", waiting: 1 } } };

let store: Store;
let loggedIn: boolean;

function start(): Live {
  const live = new Live({
    store,
    open: () => new FakeSocket(),
    stillLoggedIn: () => Promise.resolve(loggedIn),
    random: () => 0,
  });
  live.start();
  return live;
}

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.all = [];
  store = new Store();
  loggedIn = true;
});

afterEach(() => {
  vi.useRealTimers();
});

test("the first hello asks for everything, and a snapshot opens the console", () => {
  const live = start();
  last().accept();
  expect(last().sent[0]).toEqual({ t: "hello", epoch: "", seq: 0 });
  expect(live.connection.value).toBe("connecting");
  last().say(snapshot);
  expect(live.connection.value).toBe("open");
  expect(store.get("queue", "a")?.waiting).toBe(1);
});

test("after a lost connection the console says where it was, and shows that it is away at once", () => {
  const live = start();
  last().accept();
  last().say(snapshot);
  last().say({ t: "delta", seq: 21, put: { "queue:a": { id: "a", waiting: 2 } }, drop: [] });
  last().break();
  expect(live.connection.value).toBe("reconnecting");
  expect(live.lostAt.value).toBeGreaterThan(0);
  expect(store.get("queue", "a")?.waiting).toBe(2);
  vi.advanceTimersByTime(300);
  expect(FakeSocket.all).toHaveLength(2);
  last().accept();
  expect(last().sent[0]).toEqual({ t: "hello", epoch: "e1", seq: 21 });
  last().say({ t: "resumed", epoch: "e1", seq: 21, now: 1001 });
  last().say({ t: "delta", seq: 24, put: { "queue:a": { id: "a", waiting: 3 } }, drop: [] });
  expect(live.connection.value).toBe("open");
  expect(store.get("queue", "a")?.waiting).toBe(3);
});

test("a delta that was seen already changes nothing", () => {
  start();
  last().accept();
  last().say(snapshot);
  last().say({ t: "delta", seq: 20, put: { "queue:a": { id: "a", waiting: 99 } }, drop: [] });
  expect(store.get("queue", "a")?.waiting).toBe(1);
});

test("a verb is done only when the server says so, and a refusal carries its code", async () => {
  const live = start();
  last().accept();
  last().say(snapshot);
  let done = false;
  const ready = live.do("ready", {}).then(() => (done = true));
  const refused = live.do("hold", { call_id: "c1" }).catch((why: unknown) => why);
  await Promise.resolve();
  expect(done).toBe(false);
  const [first, second] = last().sent.slice(1) as { id: number; verb: string; args: object }[];
  expect([first?.verb, second?.verb, second?.args]).toEqual(["ready", "hold", { call_id: "c1" }]);
  last().say({ t: "refused", id: second?.id, code: "not-talking", message: "No." });
  last().say({ t: "done", id: first?.id, result: null });
  await ready;
  expect(done).toBe(true);
  expect((await refused) as Refused).toMatchObject({ code: "not-talking", message: "No." });
});

test("a verb under way when the connection drops is neither repeated nor called done", async () => {
  const live = start();
  last().accept();
  last().say(snapshot);
  const outcome = live.do("ready", {}).catch((why: Refused) => why.code);
  last().break();
  expect(await outcome).toBe("outcome-unknown");
  vi.advanceTimersByTime(300);
  last().accept();
  last().say({ t: "resumed", epoch: "e1", seq: 20, now: 1001 });
  expect(last().sent.filter((frame) => frame["t"] === "do")).toEqual([]);
});

test("verbs while away are refused at once", async () => {
  const live = start();
  expect(await live.do("ready", {}).catch((why: Refused) => why.code)).toBe("offline");
});

test("a connection that answers no ping is given up, though the browser thinks it open", () => {
  const live = start();
  last().accept();
  last().say(snapshot);
  vi.advanceTimersByTime(10_001);
  expect(last().sent.at(-1)).toMatchObject({ t: "ping" });
  vi.advanceTimersByTime(5001);
  expect(live.connection.value).toBe("reconnecting");
});

test("a hint that the network is gone has the connection checked at once", () => {
  const live = start();
  last().accept();
  last().say(snapshot);
  live.doubt();
  expect(last().sent.at(-1)).toMatchObject({ t: "ping" });
  vi.advanceTimersByTime(1501);
  expect(live.connection.value).toBe("reconnecting");
});

test("a pong keeps the connection", () => {
  const live = start();
  last().accept();
  last().say(snapshot);
  for (let i = 0; i < 5; i++) {
    vi.advanceTimersByTime(10_001);
    last().say({ t: "pong", id: 1, now: 1010 });
  }
  expect(live.connection.value).toBe("open");
});

test("an ended log-in stops the reconnecting and forgets what was shown", async () => {
  const live = start();
  last().accept();
  last().say(snapshot);
  loggedIn = false;
  last().break(4401);
  await vi.advanceTimersByTimeAsync(10);
  expect(live.connection.value).toBe("signed-out");
  expect(store.all("queue")).toEqual([]);
  const sockets = FakeSocket.all.length;
  await vi.advanceTimersByTimeAsync(20_000);
  expect(FakeSocket.all).toHaveLength(sockets);
});

test("retries come slower and slower, and at once when the network is back", () => {
  const live = start();
  last().accept();
  last().say(snapshot);
  last().break();
  for (let i = 0; i < 6; i++) {
    vi.advanceTimersByTime(5000);
    last().break();
  }
  const before = FakeSocket.all.length;
  vi.advanceTimersByTime(2000);
  expect(FakeSocket.all).toHaveLength(before);
  live.hurry();
  expect(FakeSocket.all).toHaveLength(before + 1);
});

test("nonsense from the server is ignored", () => {
  const live = start();
  last().accept();
  last().onmessage?.({ data: "not json" } as MessageEvent);
  last().say(snapshot);
  expect(live.connection.value).toBe("open");
});
