/**
 * A telephone in the page: SIP over the console's own origin, sound by WebRTC.
 *
 * The microphone is taken before the line is opened; an offer is sent with its first
 * candidate instead of waiting for all of them; a page that goes away ends its call.
 */
import { signal } from "@preact/signals";
import { UA, WebSocketInterface } from "jssip";
import type { DTMF_TRANSPORT } from "jssip/lib/Constants";
import type { EndEvent, RTCSession } from "jssip/lib/RTCSession";
import type { RTCSessionEvent } from "jssip/lib/UA";
import type { SipAccess } from "../protocol";
import { remember, remembered } from "../memory";
import { watchLevel } from "../sound";
import { takeMicrophone } from "./microphone";
import { PhoneProblem, type Problem } from "./problems";
import { withoutSlowDigits } from "./sdp";

export type Line = "off" | "starting" | "up" | "lost" | "failed";
export type Talk = "none" | "calling" | "progress" | "ringing" | "answering" | "up";

export interface Quality {
  /** Round trip to the switch, milliseconds. */
  ping_ms: number | null;
  /** Share of packets lost on the way to us in the last seconds, 0 to 1. */
  loss: number | null;
}

export interface PhoneOptions {
  access: () => Promise<SipAccess>;
  /** Agents' phones register to be rung; callers' phones only call. */
  register: boolean;
}

const STATS_EVERY_ms = 2000;
const RENEW_BEFORE_s = 60;
const OTHER_WINDOW_ms = 80;
const NEW_LOGIN_AFTER_s = 10;
const NO_QUALITY: Quality = { ping_ms: null, loss: null };

export class BrowserPhone {
  readonly line = signal<Line>("off");
  readonly problem = signal<Problem | null>(null);
  readonly talk = signal<Talk>("none");
  readonly muted = signal(false);
  readonly level = signal(0);
  readonly quality = signal<Quality>(NO_QUALITY);
  /** Why the last call ended, in SIP's words: "Busy", "Rejected", "Not Found", … */
  readonly endCause = signal("");
  readonly access = signal<SipAccess | null>(null);

  private ua: UA | undefined;
  private microphone: MediaStream | undefined;
  private spoken: MediaStream | undefined;
  private session: RTCSession | undefined;
  private readonly sound = new Audio();
  private stopLevel: (() => void) | undefined;
  private stats: ReturnType<typeof setInterval> | undefined;
  private renewal: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;
  private received = { packets: 0, lost: 0 };
  private starting: Promise<void> | undefined;
  private readonly windows: BroadcastChannel | undefined;

  constructor(private readonly options: PhoneOptions) {
    this.sound.autoplay = true;
    window.addEventListener("pagehide", () => this.endCall());
    if (options.register && "BroadcastChannel" in window) {
      this.windows = new BroadcastChannel("console.phone");
      this.windows.addEventListener("message", ({ data }) => {
        if (data === "talking?" && this.hasCall) this.windows?.postMessage("talking");
        // Two windows of one agent would take the registration from each other for ever.
        if (data === "taken" && this.line.peek() !== "off") this.stop("replaced");
      });
    }
    void this.chooseVoiceDevice(remembered("voice-device") ?? "");
  }

  /** Takes the microphone and opens the line; resolves when it is up. Throws `PhoneProblem`. */
  start(): Promise<void> {
    this.starting ??= this.open().finally(() => (this.starting = undefined));
    return this.starting;
  }

  /** Closes the line and gives the microphone back. */
  stop(problem: Problem | null = null): void {
    clearTimeout(this.renewal);
    this.endCall();
    this.closeLine();
    this.dropMicrophone();
    this.line.value = problem ? "failed" : "off";
    this.problem.value = problem;
  }

  get hasCall(): boolean {
    return this.session !== undefined && !this.session.isEnded();
  }

  answer(): void {
    const session = this.session;
    if (!session || this.talk.peek() !== "ringing") return;
    this.talk.value = "answering";
    session.answer({ mediaStream: this.voice(), pcConfig: { iceServers: [] } });
  }

  /** Refuses a ringing call: 486 is "busy here". */
  reject(): void {
    if (this.talk.peek() === "ringing") this.session?.terminate({ status_code: 486 });
  }

  call(target: string): void {
    if (!this.ua || this.hasCall) return;
    this.endCause.value = "";
    this.talk.value = "calling";
    this.ua.call(target, {
      mediaStream: this.voice(),
      pcConfig: { iceServers: [] },
      rtcOfferConstraints: { offerToReceiveAudio: true, offerToReceiveVideo: false },
    });
  }

  endCall(): void {
    const session = this.session;
    if (!session || session.isEnded()) return;
    try {
      session.terminate();
    } catch {
      // It ended in this very moment.
    }
  }

  setMuted(muted: boolean): void {
    if (!this.session) return;
    if (muted) this.session.mute({ audio: true });
    else this.session.unmute({ audio: true });
    this.muted.value = muted;
  }

  sendDigit(digit: string): void {
    if (this.talk.peek() !== "up") return;
    this.session?.sendDTMF(digit, {
      transportType: "RFC2833" as DTMF_TRANSPORT,
      duration: 160,
      interToneGap: 80,
    });
  }

  async chooseVoiceDevice(id: string): Promise<void> {
    remember("voice-device", id || null);
    const sound = this.sound as HTMLAudioElement & { setSinkId?: (id: string) => Promise<void> };
    try {
      await sound.setSinkId?.(id);
    } catch {
      // The device is gone: the default speaks.
    }
  }

  // The line ------------------------------------------------------------------------------

  private async open(): Promise<void> {
    this.line.value = "starting";
    this.problem.value = null;
    try {
      if (await this.isTalkingElsewhere()) throw new PhoneProblem("elsewhere");
      await this.takeMicrophone();
      await this.openLine();
    } catch (problem) {
      const why = problem instanceof PhoneProblem ? problem.problem : "no-access";
      this.closeLine();
      this.dropMicrophone();
      this.line.value = "failed";
      this.problem.value = why;
      throw new PhoneProblem(why);
    }
  }

  /** Another window's call is not to be cut off by opening this one. */
  private isTalkingElsewhere(): Promise<boolean> {
    const windows = this.windows;
    if (!windows) return Promise.resolve(false);
    return new Promise((resolve) => {
      const hear = ({ data }: MessageEvent): void => {
        if (data === "talking") resolve(true);
      };
      windows.addEventListener("message", hear);
      windows.postMessage("talking?");
      setTimeout(() => {
        windows.removeEventListener("message", hear);
        resolve(false);
      }, OTHER_WINDOW_ms);
    });
  }

  private async openLine(): Promise<void> {
    const access = await this.options.access();
    this.access.value = access;
    this.closeLine();
    this.windows?.postMessage("taken");
    const url = new URL(access.ws, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const ua = new UA({
      sockets: new WebSocketInterface(url.href),
      uri: access.uri,
      authorization_user: access.user,
      password: access.password,
      register: this.options.register,
      register_expires: 60,
      session_timers: false,
      connection_recovery_min_interval: 1,
      connection_recovery_max_interval: 8,
    });
    this.ua = ua;
    const up = this.options.register ? "registered" : "connected";
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new PhoneProblem("failed")), 8000);
      ua.on(up, () => {
        clearTimeout(late);
        resolve();
        if (this.ua === ua) this.isUp(access);
      });
      ua.on("disconnected", () => {
        if (this.ua !== ua || this.line.peek() === "starting") return;
        this.isLost("connection-lost");
        // The phone connects again by itself; if that lasts, its log-in may be over.
        this.renewSoon(NEW_LOGIN_AFTER_s);
      });
      ua.on("registrationFailed", () => {
        if (this.ua !== ua) return;
        if (this.line.peek() === "starting") {
          clearTimeout(late);
          reject(new PhoneProblem("registration-refused"));
        } else {
          this.isLost("registration-refused");
          this.renewSoon(Math.min(15, 2 ** this.failures++));
        }
      });
      ua.on("newRTCSession", ({ session, originator }: RTCSessionEvent) => {
        if (this.hasCall) session.terminate({ status_code: 486 });
        else this.take(session, String(originator) === "remote");
      });
      ua.start();
    });
  }

  private isUp(access: SipAccess): void {
    this.failures = 0;
    this.line.value = "up";
    this.problem.value = null;
    if (access.expires) {
      this.renewSoon(Math.max(30, access.expires - Date.now() / 1000 - RENEW_BEFORE_s));
    }
  }

  private isLost(problem: Problem): void {
    if (this.line.peek() === "starting") return;
    this.line.value = "lost";
    this.problem.value = problem;
  }

  /** A new short-lived log-in, when no call would be cut by it. */
  private renewSoon(in_s: number): void {
    clearTimeout(this.renewal);
    this.renewal = setTimeout(
      () => {
        if (this.hasCall) this.renewSoon(5);
        else void this.renew();
      },
      Math.min(in_s, 86_400) * 1000,
    );
  }

  private async renew(): Promise<void> {
    try {
      await this.openLine();
    } catch {
      this.isLost("registration-refused");
      this.renewSoon(Math.min(15, 2 ** this.failures++));
    }
  }

  private closeLine(): void {
    clearTimeout(this.renewal);
    const ua = this.ua;
    this.ua = undefined;
    ua?.stop();
  }

  private async takeMicrophone(): Promise<void> {
    this.dropMicrophone();
    this.microphone = await takeMicrophone();
    this.stopLevel = watchLevel(this.microphone, (level) => (this.level.value = level));
  }

  private dropMicrophone(): void {
    this.stopLevel?.();
    this.stopLevel = undefined;
    this.level.value = 0;
    for (const track of this.microphone?.getTracks() ?? []) track.stop();
    this.microphone = undefined;
  }

  // The call ------------------------------------------------------------------------------

  /** A copy of the microphone for one call, so that muting it leaves the meter alive. */
  private voice(): MediaStream {
    if (!this.microphone) throw new PhoneProblem("microphone-missing");
    this.spoken = this.microphone.clone();
    return this.spoken;
  }

  private take(session: RTCSession, incoming: boolean): void {
    this.session = session;
    this.muted.value = false;
    this.endCause.value = "";
    this.received = { packets: 0, lost: 0 };
    this.talk.value = incoming ? "ringing" : "calling";
    const listen = (connection: RTCPeerConnection): void =>
      connection.addEventListener("track", (event) => this.play(event));
    if (session.connection) listen(session.connection);
    session.on("peerconnection", ({ peerconnection }) => listen(peerconnection));
    session.on("sdp", (event) => {
      event.sdp = withoutSlowDigits(event.sdp);
    });
    session.on("icecandidate", (event) => event.ready());
    session.on("progress", () => {
      if (!incoming) this.talk.value = "progress";
    });
    session.on("accepted", () => this.connected());
    session.on("confirmed", () => this.connected());
    const over = (event: EndEvent): void => this.over(session, event);
    session.on("ended", over);
    session.on("failed", over);
  }

  private connected(): void {
    this.talk.value = "up";
    clearInterval(this.stats);
    this.stats = setInterval(() => void this.measure(), STATS_EVERY_ms);
  }

  private play(event: RTCTrackEvent): void {
    this.sound.srcObject = event.streams[0] ?? new MediaStream([event.track]);
    void this.sound.play().catch(() => undefined);
  }

  private over(session: RTCSession, event: EndEvent): void {
    if (this.session !== session) return;
    this.session = undefined;
    clearInterval(this.stats);
    for (const track of this.spoken?.getTracks() ?? []) track.stop();
    this.spoken = undefined;
    this.sound.srcObject = null;
    this.endCause.value = event.cause;
    this.talk.value = "none";
    this.muted.value = false;
    this.quality.value = NO_QUALITY;
  }

  private async measure(): Promise<void> {
    const connection = this.session?.connection;
    if (!connection) return;
    let ping_ms: number | null = null;
    let packets = 0;
    let lost = 0;
    for (const part of (await connection.getStats()).values() as Iterable<Record<string, unknown>>) {
      if (part["type"] === "candidate-pair" && part["nominated"] === true) {
        const seconds = part["currentRoundTripTime"];
        if (typeof seconds === "number") ping_ms = Math.round(seconds * 1000);
      } else if (part["type"] === "inbound-rtp") {
        packets += Number(part["packetsReceived"] ?? 0);
        lost += Number(part["packetsLost"] ?? 0);
      }
    }
    const newPackets = packets - this.received.packets;
    const newLost = Math.max(0, lost - this.received.lost);
    this.received = { packets, lost };
    const all = newPackets + newLost;
    this.quality.value = { ping_ms, loss: all > 0 ? newLost / all : null };
  }
}
