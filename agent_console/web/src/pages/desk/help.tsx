import { useEffect, useRef } from "preact/hooks";
import { words } from "../../language";
import { setSingleKeys, singleKeys } from "./keys";

export function HelpDialog({ onClose }: { onClose: () => void }) {
  const t = words();
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => box.current?.showModal(), []);
  const keys: [string[], string][] = [
    [["A", "Enter"], t.call.answer],
    [["D"], t.call.decline],
    [["M"], t.call.mute],
    [["H"], t.call.hold],
    [["K"], t.call.keypad],
    [["T"], `${t.transfer.button} · ${t.transfer.add}`],
    [["G"], t.parked.park],
    [["S"], t.legs.swap],
    [["E"], t.legs.complete],
    [["J"], t.legs.conference],
    [["L"], t.legs.leave],
    [["O"], t.recording.startOrStop],
    [["P"], t.recording.pauseOrResume],
    [["X"], `${t.call.hangUp} · ${t.call.endForAll}`],
    [["C"], `${t.dial.button} · ${t.legs.backToCaller}`],
    [["Y"], t.items.accept],
    [["U"], t.items.decline],
    [["F"], t.items.doneKey],
    [["R"], t.desk.ready],
    [["N"], t.desk.notReady],
    [["1", "–", "9"], t.wrapUp.disposition],
    [["Ctrl", "Enter"], t.wrapUp.save],
    [["?"], t.desk.help],
  ];
  return (
    <dialog ref={box} class="dialog" onClose={onClose} aria-label={t.desk.helpTitle} data-testid="help">
      <header>
        <h2>{t.desk.helpTitle}</h2>
        <button class="bare" aria-label={t.app.close} onClick={() => box.current?.close()}>
          ×
        </button>
      </header>
      <dl class="key-list">
        {keys.map(([names, what]) => (
          <div key={what}>
            <dt>
              {names.map((name) => (name === "–" ? name : <kbd key={name}>{name}</kbd>))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <label class="check">
        <input
          type="checkbox"
          checked={singleKeys.value}
          onChange={(event) => setSingleKeys(event.currentTarget.checked)}
        />
        {t.desk.helpSingleKeys}
      </label>
      <p class="muted">{t.desk.helpNote}</p>
    </dialog>
  );
}
