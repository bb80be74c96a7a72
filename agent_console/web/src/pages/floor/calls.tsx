/** The calls of today, newest first; each opens to its whole story. */
import { useState } from "preact/hooks";
import { store } from "../../console";
import { clock, timeOfDay } from "../../format";
import { words } from "../../language";
import { outcomeName, queueName } from "../../names";
import { Since, ZoneNote } from "../../parts/parts";
import type { CallRow } from "../../protocol";

const PAGE = 50;

export function agentName(id: string): string {
  return (id && store.get("agent", id)?.name) || id;
}

const live = (row: CallRow): boolean => row.ended === null;

export const outcomeClass = (row: CallRow): string =>
  live(row) ? "outcome-live" : row.outcome === "answered" || row.outcome === "reached" ? "outcome-good" : row.outcome === "abandoned" ? "outcome-bad" : "";

function text(row: CallRow): string {
  return [
    row.ani,
    row.caller,
    row.caller_name,
    row.customer,
    row.dnis,
    queueName(row.queue),
    agentName(row.agent),
    outcomeName(row.outcome),
    row.outcome,
  ]
    .join("\n")
    .toLowerCase();
}

export function Calls({ onCall }: { onCall: (id: string) => void }) {
  const t = words();
  const [filter, setFilter] = useState("");
  const [queue, setQueue] = useState("");
  const [shown, setShown] = useState(PAGE);
  const all = store.all("call").sort((a, b) => b.arrived - a.arrived);
  const wanted = filter.trim().toLowerCase();
  const found = all.filter(
    (row) => (!queue || row.queue === queue) && (!wanted || text(row).includes(wanted)),
  );
  const queues = store.one("site")?.queues ?? [];
  return (
    <section class="card" aria-label={t.floor.calls}>
      <header class="card-head">
        <h2>{t.floor.calls}</h2>
        <span class="muted">{all.length ? t.floor.shown(found.length, all.length) : ""}</span>
        <ZoneNote />
        <span class="spring" />
        <select
          aria-label={t.floor.queue}
          value={queue}
          data-testid="calls-queue"
          onChange={(event) => setQueue(event.currentTarget.value)}
        >
          <option value="">{t.floor.allQueues}</option>
          {queues.map((one) => (
            <option key={one.id} value={one.id}>
              {queueName(one.id)}
            </option>
          ))}
        </select>
        <input
          type="search"
          class="filter"
          value={filter}
          placeholder={t.floor.filter}
          aria-label={t.floor.filter}
          data-testid="calls-filter"
          onInput={(event) => setFilter(event.currentTarget.value)}
        />
      </header>
      {found.length ? (
        <div class="scroll-x">
          <table class="table clickable" data-testid="calls">
            <thead>
              <tr>
                <th>{t.floor.time}</th>
                <th>{t.floor.caller}</th>
                <th>{t.floor.queue}</th>
                <th>{t.floor.agent}</th>
                <th>{t.floor.outcome}</th>
                <th class="number">{t.floor.wait}</th>
                <th class="number">{t.floor.talk}</th>
              </tr>
            </thead>
            <tbody>
              {found.slice(0, shown).map((row) => (
                <Row key={row.call_id} row={row} onCall={onCall} />
              ))}
            </tbody>
          </table>
        </div>
      ) : (
        <NoCalls filtered={all.length > 0} />
      )}
      {found.length > shown ? (
        <p class="pad">
          <button class="button small" onClick={() => setShown(shown + PAGE)}>
            {t.floor.showMore(Math.min(PAGE, found.length - shown))}
          </button>
        </p>
      ) : null}
    </section>
  );
}

/** Who still waits has waited until now. */
function Waited({ id }: { id: string }) {
  return <Since at={store.get("waiting", id)?.entered ?? null} />;
}

/** On a fresh system: what to do so that something is to be seen. */
function NoCalls({ filtered }: { filtered: boolean }) {
  const t = words();
  if (filtered) return <p class="muted pad">{t.floor.callsNoMatch}</p>;
  const site = store.one("site");
  const hint = site?.switch === "virtual" ? t.floor.callsComing : site?.demo ? t.floor.callsTry : t.floor.callsNumbers;
  return (
    <p class="muted pad" data-testid="calls-none">
      {t.floor.callsNone} {hint}{" "}
      {site?.demo && site.switch !== "virtual" ? (
        <a href="/call" target="_blank" rel="noopener">
          {t.app.webPhone}
        </a>
      ) : null}
    </p>
  );
}

function Row({ row, onCall }: { row: CallRow; onCall: (id: string) => void }) {
  const t = words();
  const name = row.customer || row.caller_name;
  return (
    <tr data-testid={`call-${row.call_id}`} onClick={() => onCall(row.call_id)}>
      <td class="figures">
        <button class="bare link" data-testid="call-open">
          {timeOfDay(row.arrived)}
        </button>
      </td>
      <td>
        {name || row.caller || t.call.anonymous}
        {name && row.caller ? <small class="muted block figures">{row.caller}</small> : null}
      </td>
      <td>{row.queue ? queueName(row.queue) : <span class="muted">{t.app.none}</span>}</td>
      <td>{agentName(row.agent) || <span class="muted">{t.app.none}</span>}</td>
      <td>
        <span class={`outcome ${outcomeClass(row)}`} data-testid="call-outcome">
          {outcomeName(row.outcome)}
        </span>
        {row.direction === "callback" ? <span class="tag after">{t.call.callback}</span> : null}
      </td>
      <td class="number figures">
        {row.waited_s === null ? <Waited id={row.call_id} /> : clock(row.waited_s)}
      </td>
      <td class="number figures">{clock(row.talk_s)}</td>
    </tr>
  );
}
