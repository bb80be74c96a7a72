/** The ring tone and the microphone meter share one audio context. */
import { signal } from "@preact/signals";
import { remember, remembered } from "./memory";

type SinkContext = AudioContext & { setSinkId?: (id: string) => Promise<void> };

let context: SinkContext | undefined;

/** The output device that rings; "" is the system's default. */
export const ringDevice = signal(remembered("ring-device") ?? "");

export function audioContext(): SinkContext {
  if (!context) {
    context = new AudioContext();
    void applyDevice();
    // Browsers keep sound back until somebody has touched the page.
    const wake = (): void => void context?.resume().catch(() => undefined);
    for (const event of ["pointerdown", "keydown"]) window.addEventListener(event, wake);
  }
  if (context.state === "suspended") void context.resume().catch(() => undefined);
  return context;
}

export async function chooseRingDevice(id: string): Promise<void> {
  ringDevice.value = id;
  remember("ring-device", id || null);
  await applyDevice();
}

async function applyDevice(): Promise<void> {
  try {
    await context?.setSinkId?.(ringDevice.peek());
  } catch {
    // The device is gone: the default rings.
  }
}

const NOTES_hz = [659.25, 880] as const;
const STROKE_s = 0.16;
const REPEAT_ms = 2600;

let repeating: ReturnType<typeof setInterval> | undefined;

/** Two soft double strokes. */
export function ringOnce(): void {
  const on = audioContext();
  const start = on.currentTime + 0.02;
  for (const group of [0, 0.5]) {
    NOTES_hz.forEach((pitch, i) => stroke(on, pitch, start + group + i * STROKE_s));
  }
}

/** One soft stroke: something came that is no call. */
export function chime(): void {
  const on = audioContext();
  stroke(on, NOTES_hz[0], on.currentTime + 0.02);
}

function stroke(on: AudioContext, pitch_hz: number, at: number): void {
  const tone = on.createOscillator();
  const volume = on.createGain();
  tone.type = "triangle";
  tone.frequency.value = pitch_hz;
  volume.gain.setValueAtTime(0, at);
  volume.gain.linearRampToValueAtTime(0.22, at + 0.015);
  volume.gain.exponentialRampToValueAtTime(0.0008, at + STROKE_s * 2);
  tone.connect(volume).connect(on.destination);
  tone.start(at);
  tone.stop(at + STROKE_s * 2 + 0.02);
}

export function startRinging(): void {
  if (repeating !== undefined) return;
  ringOnce();
  repeating = setInterval(ringOnce, REPEAT_ms);
}

export function stopRinging(): void {
  clearInterval(repeating);
  repeating = undefined;
}

/** Calls `show` with the level of `stream`, 0 to 1, about 15 times a second; returns the end. */
export function watchLevel(stream: MediaStream, show: (level: number) => void): () => void {
  const on = audioContext();
  const source = on.createMediaStreamSource(stream);
  const meter = on.createAnalyser();
  meter.fftSize = 512;
  source.connect(meter);
  const samples = new Float32Array(meter.fftSize);
  const timer = setInterval(() => {
    meter.getFloatTimeDomainData(samples);
    let sum = 0;
    for (const sample of samples) sum += sample * sample;
    const decibels = 10 * Math.log10(sum / samples.length + 1e-10);
    show(Math.min(1, Math.max(0, (decibels + 60) / 55)));
  }, 66);
  return () => {
    clearInterval(timer);
    source.disconnect();
  };
}
