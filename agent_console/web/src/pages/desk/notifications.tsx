import { useState } from "preact/hooks";
import { words } from "../../language";
import { remember, remembered } from "../../memory";

/** Asked once, by a click, as browsers want it; never again after "close". */
export function NotificationAsk() {
  const t = words();
  const [asked, setAsked] = useState(
    () =>
      !("Notification" in window) ||
      Notification.permission !== "default" ||
      remembered("notifications") === "no",
  );
  if (asked) return null;
  return (
    <p class="banner info slim">
      <span>{t.desk.notifyAsk}</span>
      <button
        class="button small"
        onClick={() => void Notification.requestPermission().finally(() => setAsked(true))}
      >
        {t.desk.notifyAllow}
      </button>
      <button
        class="bare"
        aria-label={t.app.close}
        onClick={() => {
          remember("notifications", "no");
          setAsked(true);
        }}
      >
        ×
      </button>
    </p>
  );
}
