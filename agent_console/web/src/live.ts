/**
 * The one websocket of a console: a snapshot, numbered deltas, resume after a lost
 * connection, and verbs with their answers.
 *
 * Nothing is shown as done before the server says so. When the connection drops, verbs under
 * way fail with "outcome-unknown": what really happened is seen after reconnecting.
 */
import { signal } from "@preact/signals";
import { heardTime } from "./clock";
import type { ClientFrame, ServerFrame, Verb, Verbs } from "./protocol";
import type { Store } from "./store";

export type Connection = "idle" | "connecting" | "open" | "reconnecting" | "signed-out";

/** The server, or this page, said no; nothing has changed (but see "outcome-unknown"). */
export class Refused extends Error {
  constructor(
    readonly code: string,
    message: string,
    /** The HTTP status, 0 when there was none. */
    readonly status = 0,
  ) {
    super(message);
  }
}

interface Waiting {
  resolve: (result: unknown) => void;
  reject: (why: Refused) => void;
}

export interface Socketish {
  readyState: number;
  onopen: ((event: Event) => void) | null;
  onmessage: ((event: MessageEvent) => void) | null;
  onclose: ((event: CloseEvent) => void) | null;
  send(data: string): void;
  close(code?: number): void;
}

export interface LiveOptions {
  store: Store;
  open: () => Socketish;
  /** Asked after a refused connection: is the log-in still good? */
  stillLoggedIn: () => Promise<boolean>;
  pingEvery_ms?: number;
  pongWithin_ms?: number;
  random?: () => number;
}

const FIRST_RETRY_ms = 250;
const LAST_RETRY_ms = 5000;
const DOUBT_ms = 1500;

export class Live {
  readonly connection = signal<Connection>("idle");
  /** When the connection was lost (this machine's clock, ms); 0 while it is there. */
  readonly lostAt = signal(0);

  private socket: Socketish | undefined;
  private epoch = "";
  private seq = 0;
  private nextId = 1;
  private failures = 0;
  private opened = false;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private heartbeat: ReturnType<typeof setTimeout> | undefined;
  private deadline: ReturnType<typeof setTimeout> | undefined;
  private pingSent = 0;
  private readonly waiting = new Map<number, Waiting>();

  constructor(private readonly options: LiveOptions) {}

  start(): void {
    if (this.socket || this.connection.peek() === "reconnecting") return;
    this.connection.value = "connecting";
    this.connect();
  }

  /** Ends for good: the user logged out. */
  stop(): void {
    this.connection.value = "signed-out";
    this.clearTimers();
    const socket = this.socket;
    this.socket = undefined;
    socket?.close(1000);
    this.failAll("signed-out");
    this.epoch = "";
    this.seq = 0;
    this.options.store.clear();
  }

  /** The network may be back: try at once instead of at the next retry. */
  hurry(): void {
    if (this.socket || this.connection.peek() !== "reconnecting") return;
    clearTimeout(this.retry);
    this.failures = 0;
    this.connect();
  }

  /** Something hints that the connection may be dead (sleep, a lost network): ask it now. */
  doubt(): void {
    if (this.connection.peek() === "open") this.ping(DOUBT_ms);
  }

  do<V extends Verb>(verb: V, args: Verbs[V]): Promise<unknown> {
    const socket = this.socket;
    if (this.connection.peek() !== "open" || !socket) {
      return Promise.reject(new Refused("offline", "not connected"));
    }
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.send({ t: "do", id, verb, args });
    });
  }

  private connect(): void {
    clearTimeout(this.retry);
    this.opened = false;
    let socket: Socketish;
    try {
      socket = this.options.open();
    } catch {
      this.later();
      return;
    }
    this.socket = socket;
    socket.onopen = () => {
      if (this.socket !== socket) return;
      this.send({ t: "hello", epoch: this.epoch, seq: this.seq });
      this.expect(this.options.pongWithin_ms ?? 5000);
    };
    socket.onmessage = (event) => {
      if (this.socket === socket && typeof event.data === "string") this.hear(event.data);
    };
    socket.onclose = (event) => {
      if (this.socket === socket) this.lost(event.code);
    };
  }

  private hear(text: string): void {
    let frame: ServerFrame;
    try {
      frame = JSON.parse(text) as ServerFrame;
    } catch {
      return;
    }
    switch (frame.t) {
      case "snapshot":
        this.epoch = frame.epoch;
        this.seq = frame.seq;
        heardTime(frame.now);
        this.options.store.snapshot(frame.put);
        this.ready();
        break;
      case "resumed":
        heardTime(frame.now);
        this.ready();
        break;
      case "delta":
        // What was seen already comes again after a resume: harmless, and ignored.
        if (frame.seq <= this.seq) break;
        this.seq = frame.seq;
        this.options.store.delta(frame.put ?? {}, frame.drop ?? []);
        break;
      case "done":
        this.answer(frame.id)?.resolve(frame.result);
        break;
      case "refused":
        this.answer(frame.id)?.reject(new Refused(frame.code, frame.message));
        break;
      case "pong":
        heardTime(frame.now, (Date.now() - this.pingSent) / 1000);
        this.quiet();
        break;
    }
  }

  private ready(): void {
    this.opened = true;
    this.failures = 0;
    this.connection.value = "open";
    this.lostAt.value = 0;
    this.quiet();
  }

  /** All is well: ask again after a while whether the connection still carries anything. */
  private quiet(): void {
    clearTimeout(this.deadline);
    clearTimeout(this.heartbeat);
    this.heartbeat = setTimeout(
      () => this.ping(this.options.pongWithin_ms ?? 4000),
      this.options.pingEvery_ms ?? 10_000,
    );
  }

  private ping(within_ms: number): void {
    this.pingSent = Date.now();
    this.send({ t: "ping", id: this.nextId++ });
    this.expect(within_ms);
  }

  /** Without an answer in time the connection is dead, whatever the browser thinks. */
  private expect(within_ms: number): void {
    clearTimeout(this.deadline);
    this.deadline = setTimeout(() => this.lost(1006), within_ms);
  }

  private lost(code: number): void {
    const socket = this.socket;
    this.socket = undefined;
    this.clearTimers();
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
    if (this.connection.peek() === "signed-out") return;
    if (!this.lostAt.peek()) this.lostAt.value = Date.now();
    this.connection.value = "reconnecting";
    this.failAll("outcome-unknown");
    const refused = code === 1008 || code === 4401 || code === 4403 || !this.opened;
    if (refused) void this.checkLogin();
    this.later();
  }

  private async checkLogin(): Promise<void> {
    if (await this.options.stillLoggedIn()) return;
    if (this.connection.peek() === "open") return;
    this.stop();
  }

  private later(): void {
    const longest = Math.min(LAST_RETRY_ms, FIRST_RETRY_ms * 2 ** this.failures++);
    const random = (this.options.random ?? Math.random)();
    this.retry = setTimeout(() => this.connect(), longest * (0.5 + random / 2));
  }

  private answer(id: number): Waiting | undefined {
    const found = this.waiting.get(id);
    this.waiting.delete(id);
    return found;
  }

  private failAll(code: string): void {
    const all = [...this.waiting.values()];
    this.waiting.clear();
    for (const one of all) one.reject(new Refused(code, "connection lost"));
  }

  private send(frame: ClientFrame): void {
    const socket = this.socket;
    if (socket && socket.readyState === 1) socket.send(JSON.stringify(frame));
  }

  private clearTimers(): void {
    clearTimeout(this.retry);
    clearTimeout(this.heartbeat);
    clearTimeout(this.deadline);
  }
}
