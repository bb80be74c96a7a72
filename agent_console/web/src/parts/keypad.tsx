/** A telephone's keys. */
import { useEffect } from "preact/hooks";
import { words } from "../language";

const DIGITS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];

/** Digits by button and by keyboard. */
export function Keypad({ onDigit }: { onDigit: (digit: string) => void }) {
  const t = words();
  useEffect(() => {
    const hear = (event: KeyboardEvent): void => {
      const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
      if (typing || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
      if (DIGITS.includes(event.key)) onDigit(event.key);
    };
    window.addEventListener("keydown", hear);
    return () => window.removeEventListener("keydown", hear);
  }, [onDigit]);
  return (
    <div class="keypad" role="group" aria-label={t.call.keypad}>
      {DIGITS.map((digit) => (
        <button
          key={digit}
          type="button"
          class="key"
          data-testid={`digit-${digit === "*" ? "star" : digit === "#" ? "hash" : digit}`}
          onClick={() => onDigit(digit)}
        >
          {digit}
        </button>
      ))}
    </div>
  );
}

