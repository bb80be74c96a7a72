/** The queues, one row each, live; and beside them the figures of teams and agents. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { second } from "../../clock";
import { clock, count, percent } from "../../format";
import { words } from "../../language";
import { queueName, queuesInOrder } from "../../names";
import { Figure, ScrollX, stateClass, stateWord } from "../../parts/parts";
import type { FigureValues, QueueLive } from "../../protocol";
import { anyTells, BooksMark, type Chosen, Groups } from "./groups";
import * as levels from "./levels";
import { QueueDoor } from "./door";
import { QueueAgentsButton } from "./staffing";
import { chosenFigures, Defined, figuresOf, shownWindow, WindowSwitch } from "./windows";

const TABS = ["queue", "team", "agent"] as const;

export function Queues({ onOpen }: { onOpen: (chosen: Chosen) => void }) {
  const t = words();
  const [tab, setTab] = useState<(typeof TABS)[number]>("queue");
  const names = t.figureTabs.names;
  return (
    <section class="card" aria-label={names[tab]}>
      <header class="card-head">
        <h2 class="visually-hidden">{names[tab]}</h2>
        <span class="segments" role="group" aria-label={t.figureTabs.choose}>
          {TABS.map((one) => (
            <button key={one} aria-pressed={tab === one} data-testid={`tab-${one}`} onClick={() => setTab(one)}>
              {names[one]}
            </button>
          ))}
        </span>
        <button class="button small plain" data-testid="site-figures" onClick={() => onOpen({ scope: "site", id: "" })}>
          {t.figureTabs.every}
        </button>
        <span class="spring" />
        <WindowSwitch />
      </header>
      {tab === "queue" ? <QueueTable onOpen={onOpen} /> : <Groups scope={tab} onOpen={onOpen} />}
    </section>
  );
}

function QueueTable({ onOpen }: { onOpen: (chosen: Chosen) => void }) {
  const t = words();
  const queues = queuesInOrder();
  const expects = anyTells("expected_wait_s");
  return (
    <>
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
              {expects ? (
                <th class="number">
                  <Defined id="expected_wait_s" name={t.floor.expected} />
                </th>
              ) : null}
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
              <th class="number wide-only">
                <Figure of="occupancy" />
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
              <QueueRow key={queue.id} queue={queue} expects={expects} onOpen={onOpen} />
            ))}
          </tbody>
        </table>
      </ScrollX>
      {queues.length ? null : <p class="muted pad">{t.floor.noQueues}</p>}
    </>
  );
}

interface RowProps {
  queue: QueueLive;
  /** Any queue has an expected wait: there is a column for it. */
  expects: boolean;
  onOpen: (chosen: Chosen) => void;
}

/** Of today the row tells what every console is told; of other windows what supervisors are. */
function shownOf(queue: QueueLive): FigureValues {
  const chosen = chosenFigures("queue", queue.id) ?? {};
  if (shownWindow.value !== "day") return chosen;
  const { offered, answered, abandoned, abandon_rate, asa_s, aht_s } = queue;
  const level = queue.service_level.standard;
  return { ...chosen, offered, answered, abandoned, abandon_rate, asa_s, aht_s, service_level: level };
}

function QueueRow({ queue, expects, onOpen }: RowProps) {
  const t = words();
  const shown = shownOf(queue);
  const level = shown["service_level"] ?? null;
  const abandoned = shown["abandon_rate"] ?? null;
  const name = queueName(queue.id, queue.name);
  return (
    <tr data-testid={`queue-${queue.id}`}>
      <th scope="row" class="nowrap">
        <button class="bare link" data-tip={t.figureTabs.every} onClick={() => onOpen({ scope: "queue", id: queue.id })}>
          {name}
        </button>
        <BooksMark id={queue.id} />
        {queue.work === "call" ? <QueueDoor queue={queue} name={name} /> : null}
      </th>
      <td class={`number figures ${queue.waiting ? "strong" : ""}`} data-testid="queue-waiting">
        {count(queue.waiting)}
      </td>
      <td class="number">
        <LongestWait queue={queue} />
      </td>
      {expects ? (
        <td class="number figures nowrap">
          <Expected id={queue.id} />
        </td>
      ) : null}
      <td class="number">
        <span class={`level ${levels.reached(level, queue.target)}`} data-testid="queue-service-level">
          {percent(level)}
        </span>
        <small class="muted block">{t.floor.target(percent(queue.target, 0), queue.threshold_s)}</small>
      </td>
      <td class="number">
        <span class={`level ${levels.abandonRate(abandoned)}`} data-testid="queue-abandon-rate">
          {percent(abandoned)}
        </span>
      </td>
      <td class="number figures" data-testid="queue-asa">
        {clock(shown["asa_s"])}
      </td>
      <td class="number figures">{clock(shown["aht_s"])}</td>
      <td class="number figures wide-only">{percent(shown["occupancy"], 0)}</td>
      <td class="number figures" data-testid="queue-offered">
        {count(shown["offered"])}
      </td>
      <td class="number figures" data-testid="queue-answered">
        {count(shown["answered"])}
      </td>
      <td class="number figures" data-testid="queue-abandoned">
        {count(shown["abandoned"])}
      </td>
      <td class="number figures" data-testid="queue-callbacks">
        {count(queue.callbacks)}
      </td>
      <td>
        <AgentBar agents={queue.agents}>
          <QueueAgentsButton queue={queue} />
        </AgentBar>
      </td>
    </tr>
  );
}

/** What who enters now can expect: a range. */
function Expected({ id }: { id: string }) {
  const now = figuresOf("queue", id)?.now ?? {};
  const [low, high] = [clock(now["expected_wait_low_s"]), clock(now["expected_wait_s"])];
  return <>{low === high ? high : `${low}–${high}`}</>;
}

export function LongestWait({ queue }: { queue: QueueLive }) {
  const waited_s = queue.longest_since === null ? null : second.value - queue.longest_since;
  return <span class={`level figures ${levels.wait(waited_s, queue.threshold_s)}`}>{clock(waited_s)}</span>;
}

const STATES = ["ready", "reserved", "talking", "held", "consulting", "conference", "wrap-up", "not ready", "fault", "offline"];

/** Agents by state: widths by number, and the numbers as text for everyone. */
function AgentBar({ agents, children }: { agents: Record<string, number>; children: ComponentChildren }) {
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
      <span class="nowrap">
        <small class="muted" data-testid="queue-signed-in">
          {words().floor.signedIn(total)}
        </small>
        {children}
      </span>
    </div>
  );
}
