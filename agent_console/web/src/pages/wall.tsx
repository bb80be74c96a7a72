/** For a screen on the wall: large figures, queue by queue, readable from across the room. */
import { useEffect } from "preact/hooks";
import { store } from "../console";
import { second } from "../clock";
import { clock, count, hourMinute, percent } from "../format";
import { say, words } from "../language";
import { callQueues, queueName } from "../names";
import { Banners } from "../parts/banners";
import { Icon } from "../parts/icons";
import type { QueueLive } from "../protocol";
import { follow } from "../route";
import { Since } from "../parts/parts";
import { standingAlerts } from "./floor/alerts";
import * as levels from "./floor/levels";
import { chosenFigures, Defined, shownWindow, WindowSwitch } from "./floor/windows";

export function WallPage() {
  const t = words();
  const queues = callQueues();
  useEffect(() => {
    document.title = `${t.app.wall} · ${store.one("site")?.company ?? t.app.title}`;
  });
  return (
    <div class="wall">
      <header class="wall-head">
        <strong>{store.one("site")?.company ?? ""}</strong>
        <span class="spring" />
        <WindowSwitch />
        <time class="figures">{hourMinute(second.value)}</time>
        <button
          class="icon-button"
          aria-label={t.wall.fullScreen}
          data-tip={t.wall.fullScreen}
          onClick={() => void document.documentElement.requestFullscreen?.().catch(() => undefined)}
        >
          <Icon name="screen" />
        </button>
        <a href="/supervisor" onClick={follow} class="wall-leave">
          {t.wall.leave}
        </a>
      </header>
      <Banners />
      <WallAlerts />
      <main class={`wall-queues wall-${Math.min(queues.length, 4)}`} data-testid="wall">
        {queues.map((queue) => (
          <WallQueue key={queue.id} queue={queue} />
        ))}
      </main>
    </div>
  );
}

const MOST_ALERTS = 3;

/** What stands, for everybody in the room; the page of the supervisors has all of it. */
function WallAlerts() {
  const t = words();
  const standing = standingAlerts();
  if (!standing.length) return null;
  return (
    <ul class="wall-alerts" aria-live="polite" data-testid="wall-alerts">
      {standing.slice(0, MOST_ALERTS).map((alert) => (
        <li key={alert.alert} class={alert.acknowledged === null ? "" : "seen"}>
          {say(alert.text)}{" "}
          <small>
            {t.alerts.since} <Since at={alert.since} />
          </small>
        </li>
      ))}
      {standing.length > MOST_ALERTS ? <li class="seen">{t.alerts.more(standing.length - MOST_ALERTS)}</li> : null}
    </ul>
  );
}

function WallQueue({ queue }: { queue: QueueLive }) {
  const t = words();
  const waited_s = queue.longest_since === null ? null : second.value - queue.longest_since;
  const waitLevel = levels.wait(waited_s, queue.threshold_s);
  const chosen = shownWindow.value === "day" ? undefined : chosenFigures("queue", queue.id);
  const level = chosen ? (chosen["service_level"] ?? null) : queue.service_level.standard;
  const abandoned = chosen ? (chosen["abandon_rate"] ?? null) : queue.abandon_rate;
  const busy = (queue.agents["talking"] ?? 0) + (queue.agents["held"] ?? 0);
  return (
    <section class={`wall-queue ${waitLevel}`} data-testid={`wall-${queue.id}`}>
      <h2>{queueName(queue.id, queue.name)}</h2>
      <p class="wall-waiting">
        <strong class="figures">{count(queue.waiting)}</strong>
        <span>{t.wall.waiting}</span>
      </p>
      <dl>
        <div class={waitLevel}>
          <dt>{t.wall.longest}</dt>
          <dd class="figures">{clock(waited_s)}</dd>
        </div>
        <div class={levels.reached(level, queue.target)}>
          <dt>
            <Defined id="service_level" name={t.wall.serviceLevel} />
          </dt>
          <dd class="figures">{percent(level, 0)}</dd>
        </div>
        <div class={levels.abandonRate(abandoned)}>
          <dt>
            <Defined id="abandon_rate" name={t.wall.abandonRate} />
          </dt>
          <dd class="figures">{percent(abandoned, 0)}</dd>
        </div>
        <div>
          <dt>{t.wall.ready}</dt>
          <dd class="figures">{count(queue.agents["ready"] ?? 0)}</dd>
        </div>
        <div>
          <dt>{t.wall.talking}</dt>
          <dd class="figures">{count(busy)}</dd>
        </div>
      </dl>
    </section>
  );
}
