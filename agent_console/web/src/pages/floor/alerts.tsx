/** What is beyond its threshold: since when, who has seen it, and what was over today. */
import { useMemo } from "preact/hooks";
import { second } from "../../clock";
import { live, store } from "../../console";
import { hourMinute, timeOfDay } from "../../format";
import { say, words } from "../../language";
import { Act, Actions, Refusal } from "../../parts/actions";
import { Since } from "../../parts/parts";
import type { AlertLive } from "../../protocol";
import { definition, figuresOf, figureText } from "./windows";

/** Those that stand: what nobody has seen first, then the latest. */
export const standingAlerts = (): AlertLive[] =>
  store
    .all("alert")
    .filter((alert) => alert.cleared === null)
    .sort((a, b) => Number(a.acknowledged !== null) - Number(b.acknowledged !== null) || b.since - a.since);

const unseen = (): number => standingAlerts().filter((alert) => alert.acknowledged === null).length;

/** How many alerts nobody has seen, beside the name of the page where they are. */
export function AlertBadge() {
  const number = unseen();
  if (!number) return null;
  return (
    <span class="badge" data-testid="alert-badge" aria-label={words().alerts.unseen(number)}>
      {number}
    </span>
  );
}

export function Alerts() {
  const t = words();
  const actions = useMemo(() => new Actions(), []);
  const standing = standingAlerts();
  const over = store
    .all("alert")
    .filter((alert) => alert.cleared !== null)
    .sort((a, b) => (b.cleared ?? 0) - (a.cleared ?? 0));
  if (!standing.length && !over.length) return null;
  return (
    <section class={`card alerts ${standing.length ? "has-alerts" : ""}`} aria-label={t.alerts.title}>
      <header class="card-head">
        <h2>{t.alerts.title}</h2>
        <span class="muted" data-testid="alerts-count">
          {standing.length ? t.alerts.standing(standing.length) : t.alerts.none}
        </span>
      </header>
      <Refusal actions={actions} />
      <ul aria-live="polite" class="alert-list" data-testid="alerts">
        {standing.map((alert) => (
          <Standing key={alert.alert} alert={alert} actions={actions} />
        ))}
      </ul>
      {over.length ? (
        <details class="alerts-over" data-testid="alerts-over">
          <summary>{t.alerts.over(over.length)}</summary>
          <ul class="alert-list">
            {over.map((alert) => (
              <li key={`${alert.alert} ${alert.since}`} class="dim">
                <span class="figures nowrap muted">
                  {hourMinute(alert.since)}–{hourMinute(alert.cleared ?? alert.since)}
                </span>
                <span>{say(alert.text)}</span>
                {alert.why === "gone" ? <small class="muted">{t.alerts.gone}</small> : null}
              </li>
            ))}
          </ul>
        </details>
      ) : null}
    </section>
  );
}

/** The figure as it is at this moment; the alert's own text tells how it was when it was raised. */
function valueNow(alert: AlertLive): string {
  const known = definition(alert.figure);
  const set = figuresOf(alert.scope, alert.target);
  if (!known || !set) return "";
  if (alert.figure === "longest_wait_s") {
    const since = (alert.target ? [store.get("queue", alert.target)] : store.all("queue"))
      .map((queue) => queue?.longest_since ?? Infinity)
      .reduce((a, b) => Math.min(a, b), Infinity);
    return figureText(known, since === Infinity ? null : Math.max(0, second.value - since));
  }
  const values = alert.window ? set.windows[alert.window] : set.now;
  return figureText(known, values[alert.figure]);
}

function Standing({ alert, actions }: { alert: AlertLive; actions: Actions }) {
  const t = words();
  const seen = alert.acknowledged !== null;
  const now = valueNow(alert);
  return (
    <li class={seen ? "seen" : ""} data-testid={`alert-${alert.alert}`}>
      <i class="alert-mark" aria-hidden="true" />
      <span class="alert-text">
        <span>{say(alert.text)}</span>{" "}
        <small class="muted" data-tip={timeOfDay(alert.since)} tabIndex={0}>
          {t.alerts.since} <Since at={alert.since} />
          {now ? ` · ${t.alerts.now(now)}` : ""}
        </small>
      </span>
      {seen ? (
        <small class="muted nowrap">{t.alerts.seen(hourMinute(alert.acknowledged ?? 0))}</small>
      ) : (
        <Act
          actions={actions}
          name={`ack-${alert.alert}`}
          class="small"
          tip={t.alerts.acknowledgeHint}
          onAct={() => void actions.run(`ack-${alert.alert}`, () => live.do("acknowledge_alert", { alert: alert.alert }))}
        >
          {t.alerts.acknowledge}
        </Act>
      )}
    </li>
  );
}
