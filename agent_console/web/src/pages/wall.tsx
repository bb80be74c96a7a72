/** For a screen on the wall: large figures, queue by queue, readable from across the room. */
import { useEffect } from "preact/hooks";
import { store } from "../console";
import { second } from "../clock";
import { clock, count, hourMinute, percent } from "../format";
import { words } from "../language";
import { queueName, queuesInOrder } from "../names";
import { Banners } from "../parts/banners";
import { Icon } from "../parts/icons";
import type { QueueLive } from "../protocol";
import { follow } from "../route";
import * as levels from "./floor/levels";

export function WallPage() {
  const t = words();
  const queues = queuesInOrder();
  useEffect(() => {
    document.title = `${t.app.wall} · ${store.one("site")?.company ?? t.app.title}`;
  });
  return (
    <div class="wall">
      <header class="wall-head">
        <strong>{store.one("site")?.company ?? ""}</strong>
        <span class="spring" />
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
      <main class={`wall-queues wall-${Math.min(queues.length, 4)}`} data-testid="wall">
        {queues.map((queue) => (
          <WallQueue key={queue.id} queue={queue} />
        ))}
      </main>
    </div>
  );
}

function WallQueue({ queue }: { queue: QueueLive }) {
  const t = words();
  const waited_s = queue.longest_since === null ? null : second.value - queue.longest_since;
  const waitLevel = levels.wait(waited_s, queue.threshold_s);
  const levelLevel = levels.serviceLevel(queue);
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
        <div class={levelLevel}>
          <dt>{t.wall.serviceLevel}</dt>
          <dd class="figures">{percent(queue.service_level.standard, 0)}</dd>
        </div>
        <div class={levels.abandonRate(queue.abandon_rate)}>
          <dt>{t.wall.abandonRate}</dt>
          <dd class="figures">{percent(queue.abandon_rate, 0)}</dd>
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
