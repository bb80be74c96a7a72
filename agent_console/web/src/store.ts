/**
 * What the server last said, entity by entity. Each key is a signal, so that a change
 * redraws only what shows it; the set of keys of one kind is a signal too.
 */
import { batch, signal, type ReadonlySignal, type Signal } from "@preact/signals";
import type {
  AgentLive,
  Alarm,
  AlertLive,
  CallRow,
  Colleague,
  CustomerRecord,
  Definition,
  Desk,
  Entities,
  FigureSet,
  Me,
  ParkedCall,
  QueueLive,
  SiteInfo,
  CallbackLive,
  VoicemailLive,
  WaitingCall,
} from "./protocol";

interface Single {
  me: Me;
  site: SiteInfo;
  desk: Desk;
  record: CustomerRecord;
  definitions: { figures: Definition[] };
}

interface Many {
  queue: QueueLive;
  agent: AgentLive;
  colleague: Colleague;
  parked: ParkedCall;
  waiting: WaitingCall;
  callback: CallbackLive;
  voicemail: VoicemailLive;
  call: CallRow;
  alarm: Alarm;
  alert: AlertLive;
  figures: FigureSet;
}

export type Kind = keyof Many;

export class Store {
  private readonly entities = new Map<string, Signal<unknown>>();
  private readonly keys = new Map<string, Signal<readonly string[]>>();

  /** Everything is replaced: what the snapshot does not name is gone. */
  snapshot(put: Entities): void {
    batch(() => {
      for (const key of this.entities.keys()) if (!(key in put)) this.drop(key);
      for (const [key, value] of Object.entries(put)) this.put(key, value);
    });
  }

  delta(put: Entities, drop: readonly string[]): void {
    batch(() => {
      for (const key of drop) this.drop(key);
      for (const [key, value] of Object.entries(put)) this.put(key, value);
    });
  }

  clear(): void {
    this.snapshot({});
  }

  one<K extends keyof Single>(key: K): Single[K] | undefined {
    return this.entity(key).value as Single[K] | undefined;
  }

  get<K extends Kind>(kind: K, id: string): Many[K] | undefined {
    return this.entity(`${kind}:${id}`).value as Many[K] | undefined;
  }

  /** All entities of a kind, in the order in which they came. */
  all<K extends Kind>(kind: K): Many[K][] {
    return this.keysOf(kind).value.map((key) => this.entity(key).value as Many[K]);
  }

  /** The ids of a kind; a list that reads only these is not redrawn when a value changes. */
  ids(kind: Kind): ReadonlySignal<readonly string[]> {
    return this.keysOf(kind);
  }

  private put(key: string, value: unknown): void {
    const entity = this.entity(key);
    const isNew = entity.peek() === undefined;
    entity.value = value;
    const colon = key.indexOf(":");
    if (isNew && colon > 0) {
      const keys = this.keysOf(key.slice(0, colon));
      keys.value = [...keys.peek(), key];
    }
  }

  private drop(key: string): void {
    const entity = this.entities.get(key);
    if (entity === undefined || entity.peek() === undefined) return;
    entity.value = undefined;
    const colon = key.indexOf(":");
    if (colon > 0) {
      const keys = this.keysOf(key.slice(0, colon));
      keys.value = keys.peek().filter((other) => other !== key);
    }
  }

  private entity(key: string): Signal<unknown> {
    let found = this.entities.get(key);
    if (!found) this.entities.set(key, (found = signal<unknown>(undefined)));
    return found;
  }

  private keysOf(kind: string): Signal<readonly string[]> {
    let found = this.keys.get(kind);
    if (!found) this.keys.set(kind, (found = signal<readonly string[]>([])));
    return found;
  }
}
