/** The queues, one row each, live. */
import { second } from "../../clock";
import { clock, count, percent } from "../../format";
import { words } from "../../language";
import { queueName, queuesInOrder } from "../../names";
import { Figure, ScrollX, stateClass, stateWord } from "../../parts/parts";
import type { QueueLive } from "../../protocol";
import * as levels from "./levels";

export function Queues() {
  const t = words();
  const queues = queuesInOrder();
  return (
    <section class="card" aria-label={t.floor.queues}>
      <header class="card-head">
        <h2>{t.floor.queues}</h2>
      </header>
      <ScrollX label={t.floor.queues}>
        <table class="table" data-testid="queues">
          <thead>
            <tr>
              <th>{t.floor.queue}</th>
              <th class="number">
                <Figure of="waiting" />
              </th>
              <th class="number">
                <Figure of="longest" name={t.floor.longest} />
              </th>
              <th class="number">
                <Figure of="service_level" />
              </th>
              <th class="number">
                <Figure of="abandon_rate" />
              </th>
              <th class="number">
                <Figure of="asa" />
              </th>
              <th class="number">
                <Figure of="aht" />
              </th>
              <th class="number">
                <Figure of="offered" />
              </th>
              <th class="number">
                <Figure of="answered" />
              </th>
              <th class="number">
                <Figure of="abandoned" />
              </th>
              <th class="number">
                <Figure of="callbacks" />
              </th>
              <th>{t.floor.agentStates}</th>
            </tr>
          </thead>
          <tbody>
            {queues.map((queue) => (
              <QueueRow key={queue.id} queue={queue} />
            ))}
          </tbody>
        </table>
      </ScrollX>
      {queues.length ? null : <p class="muted pad">{t.floor.noQueues}</p>}
    </section>
  );
}

function QueueRow({ queue }: { queue: QueueLive }) {
  const t = words();
  return (
    <tr data-testid={`queue-${queue.id}`}>
      <th scope="row" class="nowrap">
        {queueName(queue.id, queue.name)}
      </th>
      <td class={`number figures ${queue.waiting ? "strong" : ""}`} data-testid="queue-waiting">
        {count(queue.waiting)}
      </td>
      <td class="number">
        <LongestWait queue={queue} />
      </td>
      <td class="number">
        <span class={`level ${levels.serviceLevel(queue)}`} data-testid="queue-service-level">
          {percent(queue.service_level.standard)}
        </span>
        <small class="muted block">{t.floor.target(percent(queue.target, 0), queue.threshold_s)}</small>
      </td>
      <td class="number">
        <span class={`level ${levels.abandonRate(queue.abandon_rate)}`} data-testid="queue-abandon-rate">
          {percent(queue.abandon_rate)}
        </span>
      </td>
      <td class="number figures" data-testid="queue-asa">
        {clock(queue.asa_s)}
      </td>
      <td class="number figures">{clock(queue.aht_s)}</td>
      <td class="number figures" data-testid="queue-offered">
        {count(queue.offered)}
      </td>
      <td class="number figures" data-testid="queue-answered">
        {count(queue.answered)}
      </td>
      <td class="number figures" data-testid="queue-abandoned">
        {count(queue.abandoned)}
      </td>
      <td class="number figures" data-testid="queue-callbacks">
        {count(queue.callbacks)}
      </td>
      <td>
        <AgentBar agents={queue.agents} />
      </td>
    </tr>
  );
}

export function LongestWait({ queue }: { queue: QueueLive }) {
  const waited_s = queue.longest_since === null ? null : second.value - queue.longest_since;
  return <span class={`level figures ${levels.wait(waited_s, queue.threshold_s)}`}>{clock(waited_s)}</span>;
}

const STATES = ["ready", "reserved", "talking", "held", "consulting", "conference", "wrap-up", "not ready", "fault", "offline"];

/** Agents by state: widths by number, and the numbers as text for everyone. */
function AgentBar({ agents }: { agents: Record<string, number> }) {
  const here = STATES.filter((state) => state !== "offline" && (agents[state] ?? 0) > 0);
  const total = here.reduce((sum, state) => sum + (agents[state] ?? 0), 0);
  const text = here.map((state) => `${stateWord(state)} ${agents[state]}`).join(" · ");
  return (
    <div class="agent-bar-cell">
      <div class="agent-bar" role="img" aria-label={text || words().app.none} data-tip={text} tabIndex={text ? 0 : -1}>
        {here.map((state) => (
          <i key={state} class={stateClass(state)} style={{ flexGrow: agents[state] ?? 0 }} />
        ))}
      </div>
      <small class="muted" data-testid="queue-signed-in">
        {words().floor.signedIn(total)}
      </small>
    </div>
  );
}
