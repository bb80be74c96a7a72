/** Which devices ring, speak and listen. */
import { useEffect, useRef, useState } from "preact/hooks";
import { words } from "../../language";
import { remembered } from "../../memory";
import { Icon } from "../../parts/icons";
import { chooseMicrophone, microphoneChoice } from "../../phone/microphone";
import { chooseRingDevice, ringDevice, ringOnce } from "../../sound";
import { phone } from "./line";

export function SoundSettings() {
  const t = words().desk;
  const [open, setOpen] = useState(false);
  const [devices, setDevices] = useState<MediaDeviceInfo[]>([]);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return undefined;
    const load = (): void =>
      void navigator.mediaDevices?.enumerateDevices().then(setDevices, () => undefined);
    load();
    const outside = (event: Event): void => {
      if (!box.current?.contains(event.target as Node)) setOpen(false);
    };
    navigator.mediaDevices?.addEventListener("devicechange", load);
    document.addEventListener("pointerdown", outside);
    return () => {
      navigator.mediaDevices?.removeEventListener("devicechange", load);
      document.removeEventListener("pointerdown", outside);
    };
  }, [open]);
  const canChoose = "setSinkId" in HTMLMediaElement.prototype;
  return (
    <div class="menu" ref={box} onKeyDown={(event) => event.key === "Escape" && setOpen(false)}>
      <button
        class="icon-button"
        aria-label={t.settings}
        data-tip={t.settings}
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        <Icon name="sliders" />
      </button>
      {open ? (
        <div class="menu-list settings">
          <Choice
            name={t.micDevice}
            devices={devices.filter((device) => device.kind === "audioinput")}
            value={microphoneChoice()}
            onChoose={(id) => {
              chooseMicrophone(id);
              if (!phone.hasCall) void phone.start().catch(() => undefined);
            }}
          />
          {canChoose ? (
            <>
              <Choice
                name={t.voiceDevice}
                devices={devices.filter((device) => device.kind === "audiooutput")}
                value={remembered("voice-device") ?? ""}
                onChoose={(id) => void phone.chooseVoiceDevice(id)}
              />
              <Choice
                name={t.ringDevice}
                devices={devices.filter((device) => device.kind === "audiooutput")}
                value={ringDevice.value}
                onChoose={(id) => void chooseRingDevice(id)}
              />
            </>
          ) : null}
          <button class="button small" onClick={ringOnce}>
            {t.testRing}
          </button>
        </div>
      ) : null}
    </div>
  );
}

function Choice(props: {
  name: string;
  devices: MediaDeviceInfo[];
  value: string;
  onChoose: (id: string) => void;
}) {
  const named = props.devices.filter((device) => device.deviceId && device.deviceId !== "default");
  return (
    <label>
      {props.name}
      <select onChange={(event) => props.onChoose(event.currentTarget.value)}>
        <option value="" selected={!props.value}>
          {words().desk.defaultDevice}
        </option>
        {named.map((device) => (
          <option key={device.deviceId} value={device.deviceId} selected={device.deviceId === props.value}>
            {device.label || device.deviceId.slice(0, 8)}
          </option>
        ))}
      </select>
    </label>
  );
}
