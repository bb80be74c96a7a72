/** A day's figures by interval, with the check that the books balance. */
import { useEffect, useMemo, useState } from "preact/hooks";
import * as api from "../api";
import { serverNow } from "../clock";
import { store } from "../console";
import { clock, count, hourMinute, percent, timeOfDay } from "../format";
import { words } from "../language";
import { remember, remembered } from "../memory";
import { queueName } from "../names";
import { Chart } from "../parts/chart";
import { refusalText } from "../parts/actions";
import { Refused } from "../live";
import { Empty, Figure, ScrollX, ZoneNote } from "../parts/parts";
import type { ServiceLevels } from "../protocol";
import type { Words } from "../words/en";
import { levelOfAll } from "./floor/levels";
import { dayAfter, dayOf, midnight, shownZone } from "../zone";

/** One row per queue and interval: `reporting.intervals.interval_row`. */
interface Row {
  queue: string;
  start: number;
  end: number;
  offered: number;
  answered: number;
  abandoned: number;
  short_abandoned: number;
  flowed_out: number;
  waiting: number;
  answered_within: number;
  abandoned_within: number;
  service_level: ServiceLevels;
  abandon_rate: number | null;
  abandon_rate_without_short: number | null;
  asa_s: number | null;
  aht_s: number | null;
  acw_s: number | null;
  transferred: number;
  turned_away: number;
  longest_wait_s: number | null;
  talk_s: number;
  hold_s: number;
  wrap_up_s: number;
  books: number;
}

/** A figure that an older server does not give counts as nothing, never as a broken row. */
function whole(row: api.ReportRow): Row {
  const counts = { short_abandoned: 0, flowed_out: 0, waiting: 0, answered_within: 0, abandoned_within: 0 };
  const sums = { transferred: 0, turned_away: 0, talk_s: 0, hold_s: 0, wrap_up_s: 0, books: row["balanced"] === false ? 1 : 0 };
  return { ...counts, ...sums, ...row } as unknown as Row;
}

interface Loaded {
  rows: Row[];
  at: number;
  problem: string;
}

export function ReportsPage() {
  const t = words();
  const known = store.one("site") !== undefined;
  const zone = shownZone();
  const today = dayOf(serverNow(), zone);
  const [day, setDay] = useState("");
  const [queue, setQueue] = useState("");
  const [minutes, setMinutes] = useState(30);
  const [again, setAgain] = useState(0);
  const [every, setEvery] = useState(remembered("report-columns") === "all");
  const [loaded, setLoaded] = useState<Loaded | null>(null);
  const shown = day || today;
  const wanted = useMemo(
    () => ({
      since: midnight(shown, zone),
      until: midnight(dayAfter(shown, 1), zone),
      minutes,
      queue,
    }),
    [shown, minutes, queue, known, zone],
  );
  useEffect(() => {
    if (!known) return undefined;
    let current = true;
    api.intervals(wanted).then(
      (rows) => current && setLoaded({ rows: rows.map(whole), at: serverNow(), problem: "" }),
      (problem: unknown) =>
        current &&
        setLoaded({ rows: [], at: serverNow(), problem: problem instanceof Refused ? refusalText(problem) : "?" }),
    );
    return () => {
      current = false;
    };
  }, [wanted, again, known]);
  useEffect(() => {
    document.title = `${t.reports.title} · ${store.one("site")?.company ?? t.app.title}`;
  });

  const queues = store.one("site")?.queues ?? [];
  return (
    <div class="reports">
      <header class="report-bar">
        <h1>{t.reports.title}</h1>
        <span class="day-picker">
          <button class="button small" aria-label={t.reports.previous} onClick={() => setDay(dayAfter(shown, -1))}>
            ‹
          </button>
          <input
            type="date"
            value={shown}
            max={today}
            aria-label={t.reports.day}
            data-testid="report-day"
            onChange={(event) => setDay(event.currentTarget.value)}
          />
          <button
            class="button small"
            aria-label={t.reports.next}
            disabled={shown >= today}
            onClick={() => setDay(dayAfter(shown, 1))}
          >
            ›
          </button>
          <button class="button small" disabled={shown === today} onClick={() => setDay("")}>
            {t.reports.today}
          </button>
        </span>
        <select
          aria-label={t.reports.queue}
          data-testid="report-queue"
          onChange={(event) => setQueue(event.currentTarget.value)}
        >
          <option value="">{t.reports.allQueues}</option>
          {queues.map((one) => (
            <option key={one.id} value={one.id} selected={one.id === queue}>
              {queueName(one.id)}
            </option>
          ))}
        </select>
        <span class="segments" role="group" aria-label={t.reports.interval}>
          {[15, 30].map((length) => (
            <button
              key={length}
              aria-pressed={minutes === length}
              data-testid={`report-${length}`}
              onClick={() => setMinutes(length)}
            >
              {t.reports.minutes(length)}
            </button>
          ))}
        </span>
        <span class="spring" />
        {loaded ? <small class="muted">{t.reports.loadedAt(timeOfDay(loaded.at))}</small> : null}
        <button class="button small" onClick={() => setAgain(again + 1)}>
          {t.reports.reload}
        </button>
        <a class="button small" href={api.intervalsCsv(wanted)} download={`report-${shown}.csv`} data-testid="report-csv">
          {t.reports.csv}
        </a>
      </header>
      <div class="report-bar">
        <ZoneNote always />
        <span class="spring" />
        <label class="check inline">
          <input
            type="checkbox"
            checked={every}
            data-testid="report-every"
            onChange={(event) => {
              const wanted = event.currentTarget.checked;
              remember("report-columns", wanted ? "all" : null);
              setEvery(wanted);
            }}
          />
          {t.reports.everyDefinition}
        </label>
      </div>
      {loaded ? <Report loaded={loaded} oneQueue={queue !== ""} every={every} /> : <Empty title={t.app.loading} />}
    </div>
  );
}

function Report({ loaded, oneQueue, every }: { loaded: Loaded; oneQueue: boolean; every: boolean }) {
  const t = words();
  const rows = loaded.rows.filter((row) => row.offered || row.waiting || row.books);
  if (loaded.problem) {
    return (
      <p class="notice bad" role="alert">
        {t.reports.failed} {loaded.problem}
      </p>
    );
  }
  if (!rows.length) return <Empty title={t.reports.none}>{t.reports.noneHint}</Empty>;
  const columns = every ? COLUMNS : COLUMNS.filter((column) => !column.extra);
  const wrong = rows.filter((row) => row.books !== 0).length;
  return (
    <>
      <DayChart rows={rows} />
      <section class="card">
        <p class={`books ${wrong ? "bad" : "good"}`} data-testid="books" data-wrong={wrong} role="status">
          <strong>{t.reports.booksTitle}</strong> {wrong ? t.reports.booksSome(wrong) : t.reports.booksAll}
        </p>
        <Table rows={rows} oneQueue={oneQueue} columns={columns} />
        <p class="muted pad">
          <small>{t.reports.emptyHidden}</small>
        </p>
      </section>
    </>
  );
}

function DayChart({ rows }: { rows: Row[] }) {
  const t = words();
  const { at, series } = useMemo(() => {
    const starts = [...new Set(rows.map((row) => row.start))].sort((a, b) => a - b);
    const sum = (of: (row: Row) => number): number[] =>
      starts.map((start) => rows.filter((row) => row.start === start).reduce((all, row) => all + of(row), 0));
    return {
      at: starts,
      series: [
        { name: t.figures.offered.name, colour: "--bar", values: sum((row) => row.offered), bars: true },
        { name: t.figures.answered.name, colour: "--accent", values: sum((row) => row.answered) },
        { name: t.figures.abandoned.name, colour: "--bad", values: sum((row) => row.abandoned) },
        {
          name: t.figures.service_level.name,
          colour: "--ring",
          values: starts.map((start) => levelOfAll(rows.filter((row) => row.start === start))),
          share: true,
        },
      ],
    };
  }, [rows, t]);
  if (at.length < 2) return null;
  return (
    <section class="card">
      <Chart at={at} series={series} label={t.reports.chart} />
    </section>
  );
}

interface Column {
  figure: keyof Words["figures"];
  of: (row: Row) => string;
  /** Another definition of a figure that is there already: shown when asked for. */
  extra?: boolean;
}

const COLUMNS: Column[] = [
  { figure: "offered", of: (row) => count(row.offered) },
  { figure: "answered", of: (row) => count(row.answered) },
  { figure: "abandoned", of: (row) => count(row.abandoned) },
  { figure: "short_abandoned", of: (row) => count(row.short_abandoned) },
  { figure: "flowed_out", of: (row) => count(row.flowed_out) },
  { figure: "still_waiting", of: (row) => count(row.waiting) },
  { figure: "service_level", of: (row) => percent(row.service_level.standard) },
  { figure: "negative", of: (row) => percent(row.service_level.negative), extra: true },
  { figure: "ignored", of: (row) => percent(row.service_level.ignored), extra: true },
  { figure: "positive", of: (row) => percent(row.service_level.positive), extra: true },
  { figure: "handled_only", of: (row) => percent(row.service_level.handled_only), extra: true },
  { figure: "abandon_rate", of: (row) => percent(row.abandon_rate) },
  { figure: "abandon_rate_without_short", of: (row) => percent(row.abandon_rate_without_short), extra: true },
  { figure: "asa", of: (row) => clock(row.asa_s) },
  { figure: "longest_wait", of: (row) => clock(row.longest_wait_s) },
  { figure: "aht", of: (row) => clock(row.aht_s) },
  { figure: "acw", of: (row) => clock(row.acw_s) },
  { figure: "transfer_rate", of: (row) => percent(row.answered ? row.transferred / row.answered : null), extra: true },
  { figure: "turned_away", of: (row) => count(row.turned_away), extra: true },
];

interface TableProps {
  rows: Row[];
  oneQueue: boolean;
  columns: Column[];
}

function Table({ rows, oneQueue, columns }: TableProps) {
  const t = words();
  return (
    <ScrollX label={t.reports.title}>
      <table class="table report-table" data-testid="report">
        <thead>
          <tr>
            <th>{t.reports.interval_start}</th>
            {oneQueue ? null : <th>{t.reports.queue}</th>}
            {columns.map((column) => (
              <th key={column.figure} class="number">
                <Figure of={column.figure} />
              </th>
            ))}
            <th class="number">
              <Figure of="books" />
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={`${row.queue} ${row.start}`}>
              <th scope="row" class="figures">
                {hourMinute(row.start)}–{hourMinute(row.end)}
              </th>
              {oneQueue ? null : <td class="nowrap">{queueName(row.queue)}</td>}
              {columns.map((column) => (
                <td key={column.figure} class="number figures">
                  {column.of(row)}
                </td>
              ))}
              <td class={`number ${row.books ? "bad-text" : "good-text"}`}>
                {row.books ? t.reports.booksWrong(row.books) : "✓"}
              </td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <Totals rows={rows} oneQueue={oneQueue} columns={columns} />
        </tfoot>
      </table>
    </ScrollX>
  );
}

/** Counts are added up; shares and averages are made anew from the sums. */
function Totals({ rows, oneQueue, columns }: TableProps) {
  const t = words();
  const sum = total(rows);
  return (
    <tr data-testid="report-total">
      <th scope="row">{t.reports.total}</th>
      {oneQueue ? null : <td />}
      {columns.map((column) => (
        <td key={column.figure} class="number figures">
          {column.of(sum)}
        </td>
      ))}
      <td class="number">{rows.every((row) => row.books === 0) ? "✓" : ""}</td>
    </tr>
  );
}

function total(rows: Row[]): Row {
  const sum = (of: (row: Row) => number): number => rows.reduce((all, row) => all + of(row), 0);
  const share = (part: number, whole: number): number | null => (whole > 0 ? part / whole : null);
  const offered = sum((row) => row.offered);
  const answered = sum((row) => row.answered);
  const abandoned = sum((row) => row.abandoned);
  const short = sum((row) => row.short_abandoned);
  const flowed = sum((row) => row.flowed_out);
  const within = sum((row) => row.answered_within);
  const early = sum((row) => row.abandoned_within);
  // Averages are over calls that are over; a row's own average gives its number of them back.
  const averaged = (of: (row: Row) => number | null, weight: (row: Row) => number): number | null => {
    const counted = rows.filter((row) => of(row) !== null);
    return share(
      counted.reduce((all, row) => all + (of(row) ?? 0) * weight(row), 0),
      counted.reduce((all, row) => all + weight(row), 0),
    );
  };
  return {
    queue: "",
    start: 0,
    end: 0,
    offered,
    answered,
    abandoned,
    short_abandoned: short,
    flowed_out: flowed,
    waiting: sum((row) => row.waiting),
    answered_within: within,
    abandoned_within: early,
    service_level: {
      standard: levelOfAll(rows),
      negative: share(within, offered),
      ignored: share(within, offered - early),
      positive: share(within + early, offered),
      handled_only: share(within, answered),
    },
    abandon_rate: share(abandoned, offered),
    abandon_rate_without_short: share(abandoned - short, offered - short),
    asa_s: averaged((row) => row.asa_s, (row) => row.answered),
    aht_s: averaged((row) => row.aht_s, (row) => row.answered),
    acw_s: averaged((row) => row.acw_s, (row) => row.answered),
    transferred: sum((row) => row.transferred),
    turned_away: sum((row) => row.turned_away),
    longest_wait_s: Math.max(...rows.map((row) => row.longest_wait_s ?? 0)),
    talk_s: sum((row) => row.talk_s),
    hold_s: sum((row) => row.hold_s),
    wrap_up_s: sum((row) => row.wrap_up_s),
    books: sum((row) => row.books),
  };
}
