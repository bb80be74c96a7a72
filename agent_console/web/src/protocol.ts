/**
 * The live protocol, mirrored from `agent_console/protocol.py`.
 * All moments are UTC epoch seconds; durations end in `_s`.
 */

export type Language = "en" | "zh";
export type Labels = Record<string, string>;
export type Role = "agent" | "supervisor" | "admin";

export interface Me {
  user_id: string;
  name: string;
  role: Role;
  /** "" when this user takes no calls. */
  agent_id: string;
  language: string;
}

export interface Choice {
  id: string;
  label: Labels;
}

/** An outside number that the site names. */
export interface SpeedDial {
  number: string;
  label: Labels;
}

export interface SiteInfo {
  company: string;
  /** IANA: days and intervals begin by it. */
  time_zone: string;
  queues: Choice[];
  skills: Choice[];
  /** Menus to which a caller can be sent. */
  flows: Choice[];
  speed_dials: SpeedDial[];
  not_ready_reasons: Choice[];
  dispositions: Choice[];
  switch: string;
  switch_up: boolean;
  demo: boolean;
}

export interface Why {
  code: string;
  data: Record<string, unknown>;
  text: Labels;
}

export interface IvrTrail {
  at: number;
  what: string;
  label: string;
  value: string;
}

/** What a supervisor does in a conversation; "" for anybody else. */
export type Supervision = "" | "listen" | "whisper" | "barge";

/** A further party of a call: consulted, in the conference, or supervising. */
export interface LegCard {
  id: string;
  /** "" for somebody outside. */
  agent: string;
  name: string;
  number: string;
  /** ringing, talking, held, supervising */
  state: string;
  supervision: Supervision;
  since: number;
}

export type Recording = "" | "on" | "paused";

/** What the agent wanted and did not come about, in each language. */
export interface Trouble {
  at: number;
  text: Record<string, string>;
}

export interface CallCard {
  call_id: string;
  /** "party" and "supervisor": a call of `whose`, in which this agent is the leg `leg_id`. */
  part: "own" | "party" | "supervisor";
  leg_id: string;
  whose: string;
  direction: "inbound" | "callback" | "outbound";
  /** ringing, talking, held, consulting, conference, ended */
  place: string;
  muted: boolean;
  recording: Recording;
  /** The site's rule: "on demand" lets agents begin and end it, "always" only pause it. */
  recorded: "never" | "always" | "on demand";
  legs: LegCard[];
  offer_id: string;
  queue: string;
  queue_name: string;
  ani: string;
  ani_local: string;
  ani_name: string;
  dnis: string;
  entered: number;
  waited_s: number | null;
  offered: number;
  answered: number | null;
  ended: number | null;
  why: Why;
  /** Till the agent's next deed. */
  trouble?: Trouble | null;
  trail: IvrTrail[];
}

export interface Today {
  handled: number;
  aht_s: number | null;
  wrap_up_s: number | null;
  occupancy: number | null;
}

export interface PhoneHealth {
  kind: string;
  up: boolean;
}

/** A phone that the agent may choose at the start of a shift. */
export interface OwnPhone {
  kind: string;
  /** Of an outside phone, as people write it. */
  number: string;
}

export interface Desk {
  state: string;
  since: number;
  reason: string;
  intent: string;
  intent_reason: string;
  /** While ready: the end of a pause after missed calls. */
  deadline: number | null;
  /** How much longer wrap-up may still be made; null: any. */
  extend_left_s: number | null;
  phone: PhoneHealth;
  phones: OwnPhone[];
  call: CallCard | null;
  /** Oldest first. */
  items: ItemCard[];
  /** Kind of work item to how many at a time. */
  capacity: Record<string, number>;
  today: Today;
}

/** A work item (a chat, a task) that the agent is offered or works on. */
export interface ItemCard {
  item_id: string;
  /** "" once it is accepted. */
  offer_id: string;
  queue: string;
  queue_name: string;
  work: string;
  title: string;
  /** http or https, "" for none. */
  link: string;
  state: "offered" | "working";
  since: number;
  entered: number;
  /** Of the offer. */
  deadline: number | null;
  why: Why;
}

export interface Contact {
  at: number;
  channel: string;
  summary: string;
  agent: string;
  disposition: string;
}

export interface OrderRow {
  number: string;
  at: number;
  status: string;
  total: string;
}

export interface NoteRow {
  at: number;
  author: string;
  text: string;
}

export interface Customer {
  customer_id: string;
  name: string;
  company: string;
  tier: string;
  email: string;
  language: string;
  phones: string[];
  account_number: string;
  contacts: Contact[];
  orders: OrderRow[];
  notes: NoteRow[];
}

export interface Match {
  customer_id: string;
  name: string;
  company: string;
  account_number: string;
}

export interface CustomerRecord {
  call_id: string;
  status: "looking" | "found" | "several" | "none" | "failed";
  number: string;
  customer: Customer | null;
  matches: Match[];
  message: string;
  /** Into another program; "" or missing for none. */
  url?: string;
}

export interface ServiceLevels {
  standard: number | null;
  negative: number | null;
  ignored: number | null;
  positive: number | null;
  handled_only: number | null;
}

export interface QueueLive {
  id: string;
  name: string;
  /** "call", or the kind of work item that waits here. */
  work: string;
  waiting: number;
  longest_since: number | null;
  callbacks: number;
  /** Callers are let in. */
  open: boolean;
  /** Who says so until it is taken back; "" by the hours. */
  opened_by: string;
  offered: number;
  answered: number;
  abandoned: number;
  short_abandoned: number;
  flowed_out: number;
  service_level: ServiceLevels;
  threshold_s: number;
  target: number;
  abandon_rate: number | null;
  asa_s: number | null;
  aht_s: number | null;
  agents: Record<string, number>;
}

/** Somebody who is to be called back, while no agent is about to. */
export interface CallbackLive {
  id: string;
  queue: string;
  caller: string;
  caller_name: string;
  attempts: number;
  due: number | null;
  promised: number | null;
}

/** A caller's message that nobody has dealt with; `id` is that of its recording. */
export interface VoicemailLive {
  id: string;
  call_id: string;
  box: string;
  caller: string;
  caller_name: string;
  at: number;
  length_s: number;
}

/** An agent as one to whom a call can be given. */
export interface Colleague {
  id: string;
  name: string;
  state: string;
  queues: string[];
}

/** A caller whom anybody of the queue may pick. */
export interface ParkedCall {
  call_id: string;
  queue: string;
  caller: string;
  caller_name: string;
  since: number;
  until: number | null;
}

export interface AgentLive {
  id: string;
  name: string;
  state: string;
  since: number;
  reason: string;
  intent: string;
  /** These four are of the agent's own call. */
  place: string;
  muted: boolean;
  recording: Recording;
  legs: LegCard[];
  call_id: string;
  queue: string;
  caller: string;
  phone: PhoneHealth;
  /** Of wrap-up, ringing, or a pause while ready. */
  deadline: number | null;
  /** These three are in force now. */
  queues: string[];
  skills: Record<string, number>;
  order: Record<string, number>;
  /** What the configuration says, when a supervisor has set something else. */
  configured: Duties | null;
  capacity: Record<string, number>;
  /** Kind of work item to how many are offered or open. */
  items: Record<string, number>;
  today: Today;
}

/** What an agent does. `order`: queue to number, 1 when not named; lower comes first. */
export interface Duties {
  queues: string[];
  skills: Record<string, number>;
  order: Record<string, number>;
}

export interface WaitingCall {
  call_id: string;
  kind: "call" | "callback";
  parked: boolean;
  queue: string;
  caller: string;
  caller_name: string;
  entered: number;
  position: number;
  priority: number;
  why: Why;
}

export interface CallRow {
  call_id: string;
  arrived: number;
  direction: string;
  ani: string;
  caller: string;
  caller_name: string;
  customer: string;
  dnis: string;
  queue: string;
  agent: string;
  outcome: string;
  waited_s: number | null;
  talk_s: number | null;
  ended: number | null;
}

export interface TimelineEntry {
  at: number;
  kind: string;
  text: Labels;
  why?: Why;
  data: Record<string, unknown>;
}

export interface RecordingRow {
  id: string;
  agent: string;
  at: number;
  length_s: number;
  channels: number;
}

/** One agent's part of a call, or of a further leg of it. */
export interface SegmentRow {
  agent: string;
  /** agent, consulted, conference, supervisor, outside */
  role: string;
  queue: string;
  began: number;
  ended: number | null;
  talk_s: number | null;
  hold_s: number | null;
  wrap_up_s: number | null;
  how: string;
  disposition: string;
  note: string;
}

export interface CallDetail {
  call: CallRow;
  recordings?: RecordingRow[];
  segments?: SegmentRow[];
  timeline: TimelineEntry[];
  moments: Record<string, number | null>;
  disposition: string;
  note: string;
}

export interface Alarm {
  code: string;
  since: number;
  text: Labels;
}

export interface SipAccess {
  uri: string;
  user: string;
  password: string;
  ws: string;
  expires: number;
  target: string;
}

/** `GET /api/welcome`: what the log-in page may know before anyone has logged in. */
export interface Welcome {
  /** Pages that may show the console inside; an older server tells none. */
  embed_origins?: string[];
  company: string;
  demo: boolean;
  demo_users: { name: string; password: string; role: Role }[];
  web_phone: boolean;
  /** As whom a demonstration's web phone calls; "" when callers are who they are. */
  web_phone_caller?: string;
  /** No real telephones: calls come from virtual callers. */
  virtual?: boolean;
  /** null when nobody is logged in; missing when that is not known. */
  me?: Me | null;
}

// Frames ------------------------------------------------------------------------------------

export type Entities = Record<string, unknown>;

export type ServerFrame =
  | { t: "snapshot"; epoch: string; seq: number; now: number; put: Entities }
  | { t: "delta"; seq: number; put?: Entities; drop?: string[] }
  | { t: "resumed"; epoch: string; seq: number; now: number }
  | { t: "done"; id: number; result: unknown }
  | { t: "refused"; id: number; code: string; message: string }
  | { t: "pong"; id: number; now: number };

export type ClientFrame =
  | { t: "hello"; epoch: string; seq: number }
  | { t: "do"; id: number; verb: string; args: object }
  | { t: "ping"; id: number };

/** What figures are of: the site (its id is ""), a queue, a team or an agent. */
export type Scope = "site" | "queue" | "team" | "agent";

/** The last so many minutes, the running quarter of an hour, or since midnight. */
export type Window = "15" | "30" | "60" | "interval" | "day";

export type FigureValues = Record<string, number | null>;

/** The figures of one, in every window; `figures:<scope>:<id>`. */
export interface FigureSet {
  scope: Scope;
  id: string;
  label: Labels;
  now: FigureValues;
  /** Queues: where the books differ, the engine's count and the records'. */
  books: Record<string, [number, number]>;
  windows: Record<Window, FigureValues>;
}

/** What a figure means. */
export interface Definition {
  id: string;
  name: Labels;
  version: number;
  formula: Labels;
  unit: "share" | "s" | "count" | "money";
  scopes: Scope[];
  /** Of this moment, not of a window. */
  now: boolean;
}

/** An alert that stands, or with `cleared` one that was over today. */
export interface AlertLive {
  alert: string;
  rule: string;
  figure: string;
  scope: Scope;
  target: string;
  window: Window | "";
  value: number;
  threshold: number;
  clear: number;
  about: string;
  since: number;
  text: Labels;
  acknowledged: number | null;
  by: string;
  cleared: number | null;
  /** "gone": nobody looks any more. */
  why: string;
}

/** Parts that are left out stay as they are; with `reset`, as configured. */
export type StaffArgs = { agent: string; reset?: boolean } & Partial<Duties>;

/** Verbs and their arguments: the methods of `agent_console.ports` without the agent. */
export interface Verbs {
  sign_in: { phone: string };
  sign_out: Record<string, never>;
  ready: Record<string, never>;
  not_ready: { reason: string };
  decline: { offer_id: string };
  hang_up: { call_id: string };
  hold: { call_id: string };
  retrieve: { call_id: string };
  wrap_up: { call_id: string; disposition: string; note: string; then: "" | "ready" | "not_ready" };
  extend_wrap_up: { by_s: number };
  choose_customer: { call_id: string; customer_id: string };
  create_customer: { call_id: string; fields: Record<string, string> };
  set_agent_state: { agent: string; state: string; reason: string };
  staff: StaffArgs;
  reset_staffing: { agent: string };
  end_wrap_up: { agent: string };
  accept_item: { offer_id: string };
  decline_item: { offer_id: string };
  finish_item: { item_id: string };
  mute: { call_id: string; on: boolean };
  send_digits: { call_id: string; digits: string };
  dial: { number: string; queue: string };
  transfer: { call_id: string; kind: TargetKind; to: string };
  consult: { call_id: string; kind: "agent" | "number"; to: string };
  swap: { call_id: string };
  complete: { call_id: string };
  conference: { call_id: string };
  end_leg: { call_id: string; leg_id: string };
  park: { call_id: string };
  pick: { call_id: string };
  record: { call_id: string; action: "start" | "stop" | "pause" | "resume" };
  acknowledge_alert: { alert: string };
  close_queue: { queue: string; why: string };
  open_queue: { queue: string };
  queue_by_hours: { queue: string };
  cancel_callback: { callback: string; why: string };
  move_callback: { callback: string; due: number };
  call_back_now: { callback: string };
  voicemail_done: { recording: string };
  assign: { call_id: string; agent: string };
  supervise: { call_id: string; mode: "listen" | "whisper" | "barge" | "off" };
  take_over: { call_id: string };
}

/** To whom a call can be given. */
export type TargetKind = "agent" | "queue" | "number" | "flow";

export type Verb = keyof Verbs;
