/** What is wrong just now. */
import { second } from "../clock";
import { live, store } from "../console";
import { timeOfDay } from "../format";
import { say, words } from "../language";

/** The lost connection first, then what the server says is wrong. */
export function Banners() {
  const t = words();
  const connection = live.connection.value;
  const site = store.one("site");
  const alarms = store.all("alarm");
  return (
    <div aria-live="assertive" class="banners">
      {connection === "reconnecting" ? <Reconnecting /> : null}
      {site && !site.switch_up && !alarms.some((alarm) => alarm.code.includes("switch")) ? (
        <p class="banner bad" data-testid="switch-down">
          {t.app.switchDown}
        </p>
      ) : null}
      {alarms.map((alarm) => (
        <p key={alarm.code} class="banner bad" data-testid="alarm">
          <span>{say(alarm.text) || alarm.code}</span>
          {alarm.since ? <small class="figures nowrap">{t.app.since(timeOfDay(alarm.since))}</small> : null}
        </p>
      ))}
    </div>
  );
}

function Reconnecting() {
  const t = words();
  const lostAt = live.lostAt.value;
  // Redrawn each second; the time itself is this machine's, as the server is not there.
  void second.value;
  const ago = lostAt ? Math.max(0, Math.round((Date.now() - lostAt) / 1000)) : 0;
  return (
    <p class="banner warn" data-testid="reconnecting">
      <span class="spinner" />
      <strong>{t.connection.reconnecting(ago)}</strong> <span>{t.connection.explanation}</span>
    </p>
  );
}
