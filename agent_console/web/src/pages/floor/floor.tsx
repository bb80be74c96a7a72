/** The supervisor's page: the whole floor at a glance, every figure live. */
import { useEffect, useMemo, useState } from "preact/hooks";
import { second } from "../../clock";
import { live, store } from "../../console";
import { clock, count, percent } from "../../format";
import { words } from "../../language";
import { callQueues } from "../../names";
import { Chart } from "../../parts/chart";
import { Empty, Figure } from "../../parts/parts";
import { listen } from "../desk/keys";
import { follow as followLine } from "../desk/line";
import { Agents } from "./agents";
import { Alerts } from "./alerts";
import { Callbacks } from "./callbacks";
import { Calls } from "./calls";
import { CallDrawer } from "./detail";
import { type Chosen, FiguresDrawer } from "./groups";
import { levelOfAll } from "./levels";
import { Messages } from "./messages";
import { Queues } from "./queues";
import { UndoBar } from "./staffing";
import { OwnCallNote, SuperviseBar, superviseKeys } from "./supervise";
import { startTrend, trend } from "./trend";
import { Waiting } from "./waiting";
import { chosenFigures, shownWindow } from "./windows";

export function FloorPage() {
  const t = words();
  const [open, setOpen] = useState("");
  const [figures, setFigures] = useState<Chosen | null>(null);
  const ready = store.one("site") !== undefined;
  useEffect(() => {
    if (ready) startTrend();
  }, [ready]);
  // A lead with a phone of their own hears through this page, too.
  const hasPhone = (store.one("me")?.agent_id ?? "") !== "";
  useEffect(() => (hasPhone ? followLine() : undefined), [hasPhone]);
  useEffect(() => listen(superviseKeys), []);
  useEffect(() => {
    document.title = `${t.floor.title} · ${store.one("site")?.company ?? t.app.title}`;
  });
  if (!ready) {
    return <Empty title={live.connection.value === "open" ? t.app.loading : t.connection.connecting} />;
  }
  return (
    <div class="floor">
      <h1 class="visually-hidden">{t.floor.title}</h1>
      <SuperviseBar />
      <OwnCallNote />
      <UndoBar />
      <Alerts />
      <Totals />
      <Queues onOpen={setFigures} />
      <div class="floor-columns">
        <div class="stack">
          <Waiting onCall={setOpen} />
          <Callbacks onCall={setOpen} />
          <Messages onCall={setOpen} />
          <TrendCard />
        </div>
        <Agents onCall={setOpen} />
      </div>
      <Calls onCall={setOpen} />
      {figures ? <FiguresDrawer chosen={figures} onClose={() => setFigures(null)} /> : null}
      {open ? <CallDrawer key={open} id={open} onClose={() => setOpen("")} /> : null}
    </div>
  );
}

/** The four figures that one looks for first. */
function Totals() {
  const t = words();
  const queues = callQueues();
  const agents = store.all("agent");
  const sum = (of: (queue: (typeof queues)[number]) => number): number =>
    queues.reduce((all, queue) => all + of(queue), 0);
  const since = queues.flatMap((queue) => (queue.longest_since === null ? [] : [queue.longest_since]));
  const chosen = chosenFigures("site", "");
  const counted = sum((queue) => queue.offered);
  const span = chosen && shownWindow.value !== "day" ? t.windows.names[shownWindow.value] : "";
  const offered = chosen?.["offered"] ?? counted;
  const level = chosen ? chosen["service_level"] : levelOfAll(queues);
  const abandoned = chosen ? chosen["abandon_rate"] : counted ? sum((queue) => queue.abandoned) / counted : null;
  const inState = (...states: string[]): number => agents.filter((agent) => states.includes(agent.state)).length;
  return (
    <dl class="totals" data-testid="totals">
      <Total name={<Figure of="waiting" name={t.floor.waitingNow} />} value={count(sum((queue) => queue.waiting))} testid="total-waiting" />
      <Total
        name={<Figure of="longest" name={t.floor.longest} />}
        value={clock(since.length ? second.value - Math.min(...since) : null)}
      />
      <Total name={<Figure of="service_level" />} of={span} value={percent(level)} />
      <Total name={<Figure of="abandon_rate" />} of={span} value={percent(abandoned)} />
      <Total name={<Figure of="offered" />} of={span} value={count(offered)} />
      <Total name={t.states.ready} value={count(inState("ready"))} />
      <Total name={t.states.talking} value={count(inState("talking", "held", "consulting", "conference", "reserved"))} />
      <Total name={t.states["wrap-up"]} value={count(inState("wrap-up"))} />
    </dl>
  );
}

function Total(props: { name: preact.ComponentChildren; of?: string; value: string; testid?: string }) {
  return (
    <div class="total">
      <dt>{props.name}</dt>
      <dd class="figures nowrap">
        <span data-testid={props.testid}>{props.value}</span> {props.of ? <small class="muted">{props.of}</small> : null}
      </dd>
    </div>
  );
}

function TrendCard() {
  const t = words();
  const now = trend.value;
  const series = useMemo(
    () => [
      { name: t.floor.trendWaiting, colour: "--accent", values: now.waiting },
      { name: t.floor.trendLevel, colour: "--ring", values: now.level, share: true },
    ],
    [now, t],
  );
  return (
    <section class="card" aria-label={t.floor.trend}>
      <header class="card-head">
        <h2>{t.floor.trend}</h2>
      </header>
      {now.at.length > 2 ? (
        <Chart at={now.at} series={series} label={t.floor.trend} tellsLast />
      ) : (
        <p class="muted pad">{t.floor.trendLater}</p>
      )}
    </section>
  );
}
