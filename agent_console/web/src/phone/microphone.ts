/** The microphone, taken before any call so that calls connect at once. */
import type { Problem } from "./problems";
import { PhoneProblem } from "./problems";
import { remember, remembered } from "../memory";

export const microphoneChoice = (): string => remembered("microphone") ?? "";

export function chooseMicrophone(id: string): void {
  remember("microphone", id || null);
}

export async function takeMicrophone(): Promise<MediaStream> {
  if (!window.isSecureContext) throw new PhoneProblem("not-secure");
  if (!("RTCPeerConnection" in window) || !navigator.mediaDevices) {
    throw new PhoneProblem("no-webrtc");
  }
  const wanted = microphoneChoice();
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: {
        echoCancellation: true,
        noiseSuppression: true,
        autoGainControl: true,
        ...(wanted ? { deviceId: { ideal: wanted } } : {}),
      },
    });
  } catch (problem) {
    throw new PhoneProblem(explain(problem));
  }
}

function explain(problem: unknown): Problem {
  const name = problem instanceof DOMException ? problem.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") return "microphone-denied";
  if (name === "NotFoundError" || name === "OverconstrainedError") return "microphone-missing";
  if (name === "NotReadableError" || name === "AbortError") return "microphone-busy";
  return "failed";
}
