/** One call: its timeline with each decision's reason, its moments, and what came of it. */
import { useEffect, useState } from "preact/hooks";
import * as api from "../../api";
import { store } from "../../console";
import { clock, dayAndTime, timeOfDay } from "../../format";
import { say, wordFor, words } from "../../language";
import { dispositionName, outcomeName, queueName } from "../../names";
import { Drawer, ZoneNote } from "../../parts/parts";
import type { CallDetail, CallRow, RecordingRow, SegmentRow, TimelineEntry } from "../../protocol";
import { agentName, outcomeClass } from "./calls";

export function CallDrawer({ id, onClose }: { id: string; onClose: () => void }) {
  const t = words();
  const [detail, setDetail] = useState<CallDetail | null>(null);
  const [failed, setFailed] = useState(false);
  // The row changes when anything happens to the call: then its story is asked for again.
  const row = store.get("call", id);
  useEffect(() => {
    let current = true;
    setFailed(false);
    api.call(id).then(
      (found) => current && setDetail(found),
      () => current && setFailed(true),
    );
    return () => {
      current = false;
    };
  }, [id, row]);
  const shown = row ?? detail?.call;
  const title = shown ? shown.customer || shown.caller_name || shown.caller || t.call.anonymous : t.detail.title;
  return (
    <Drawer title={title} onClose={onClose}>
      {shown ? <Head row={shown} /> : null}
      {failed && !detail ? (
        <p class="notice bad" role="alert">
          {t.detail.failed}
        </p>
      ) : null}
      {detail ? <Story detail={detail} /> : failed ? null : <p class="muted">{t.app.loading}</p>}
    </Drawer>
  );
}

function Head({ row }: { row: CallRow }) {
  const t = words();
  const directions: Record<string, string> = {
    inbound: t.detail.inbound,
    outbound: t.detail.outbound,
    internal: t.detail.internal,
    callback: t.call.callback,
  };
  const facts: [string, string][] = [
    [t.call.from, row.caller || row.ani || t.call.anonymous],
    [t.call.dialled, row.dnis],
    [t.detail.direction, wordFor(directions, row.direction)],
    [t.floor.queue, queueName(row.queue)],
    [t.floor.agent, agentName(row.agent)],
    [t.floor.wait, clock(row.waited_s)],
    [t.floor.talk, clock(row.talk_s)],
  ];
  return (
    <>
      <p>
        <span class={`outcome ${outcomeClass(row)}`}>{outcomeName(row.outcome)}</span>{" "}
        <span class="muted">{dayAndTime(row.arrived)}</span>
      </p>
      <ZoneNote />
      <dl class="facts">
        {facts
          .filter(([, value]) => value)
          .map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd class="figures">{value}</dd>
            </div>
          ))}
      </dl>
    </>
  );
}

function Story({ detail }: { detail: CallDetail }) {
  const t = words();
  const start = detail.call.arrived;
  const moments = Object.entries(detail.moments).filter(([, at]) => at !== null) as [string, number][];
  return (
    <>
      <Recordings rows={detail.recordings ?? []} />
      <Segments rows={detail.segments ?? []} />
      <h3>{t.detail.timeline}</h3>
      <ol class="timeline" data-testid="timeline">
        {detail.timeline.map((entry, i) => (
          <Entry key={i} entry={entry} start={start} />
        ))}
      </ol>
      <h3>{t.detail.disposition}</h3>
      <p data-testid="detail-disposition">
        {detail.disposition ? <span class="tag">{dispositionName(detail.disposition)}</span> : t.app.none}
      </p>
      <h3>{t.detail.note}</h3>
      <p class="prose" data-testid="detail-note">
        {detail.note || <span class="muted">{t.detail.noNote}</span>}
      </p>
      <h3>{t.detail.moments}</h3>
      <dl class="moments">
        {moments.map(([name, at]) => (
          <div key={name}>
            <dt>{wordFor(t.moments, name)}</dt>
            <dd class="figures">
              {timeOfDay(at)} <span class="muted">{t.detail.after(clock(at - start))}</span>
            </dd>
          </div>
        ))}
      </dl>
      <p class="muted call-id figures">{detail.call.call_id}</p>
    </>
  );
}

/** Each recording with the browser's own player: keys, speed and download come with it. */
function Recordings({ rows }: { rows: RecordingRow[] }) {
  const t = words().detail;
  if (!rows.length) return null;
  return (
    <>
      <h3>{t.recordings}</h3>
      <ul class="recordings" data-testid="recordings">
        {rows.map((row) => (
          <li key={row.id}>
            <small class="muted">
              {timeOfDay(row.at)} · {row.agent || words().app.none} · {clock(row.length_s)}
              {row.channels > 1 ? ` · ${t.stereo}` : ""}
            </small>
            <audio
              controls
              preload="none"
              src={api.recordingUrl(row.id)}
              aria-label={t.recordingOf(row.agent, timeOfDay(row.at))}
            />
          </li>
        ))}
      </ul>
    </>
  );
}

/** Who had the call, one after the other, and who else was in it. */
function Segments({ rows }: { rows: SegmentRow[] }) {
  const t = words();
  if (rows.length < 2) return null;
  return (
    <>
      <h3>{t.detail.segments}</h3>
      <div class="scroll-x">
        <table class="plain-table call-parts" data-testid="segments">
          <tbody>
            {rows.map((row, i) => (
              <tr key={i} data-role={row.role}>
                <td class="figures">{timeOfDay(row.began)}</td>
                <td>
                  {row.agent}
                  <small class="muted block">
                    {[wordFor(t.detail.roles, row.role), row.queue ? queueName(row.queue) : ""].filter(Boolean).join(" · ")}
                  </small>
                </td>
                <td class="number">
                  {clock(row.talk_s)}
                  {row.hold_s ? <small class="muted block">{t.detail.held(clock(row.hold_s))}</small> : null}
                </td>
                <td>{row.how ? wordFor(t.detail.hows, row.how) : t.detail.goesOn}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Entry({ entry, start }: { entry: TimelineEntry; start: number }) {
  // "Anna answered" needs no "an agent answered" below it.
  const isTold = [entry.kind, `callback-${entry.kind}`].includes(entry.why?.code ?? "");
  const why = isTold ? "" : say(entry.why?.text) || entry.why?.code;
  return (
    <li class={`entry entry-${entry.kind.replace(/[^a-z-]/g, "")}`} data-kind={entry.kind}>
      <span class="entry-at figures" data-tip={timeOfDay(entry.at)}>
        {clock(entry.at - start)}
      </span>
      <span class="entry-what">
        {say(entry.text) || entry.kind}
        {why ? <small class="entry-why">{why}</small> : null}
      </span>
    </li>
  );
}
