/** A line chart over time; drawn anew when its data, language, theme or width change. */
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { hourMinute, NOTHING, percent, timeOfDay } from "../format";
import { language, words } from "../language";
import { theme } from "../theme";
import { shownZone } from "../zone";

export interface Series {
  name: string;
  /** The name of a colour variable of the style sheets, such as "--accent". */
  colour: string;
  values: (number | null)[];
  /** A share is drawn against the right axis, 0 to 100 %. */
  share?: boolean;
  bars?: boolean;
}

const HEIGHT_px = 190;

interface ChartProps {
  at: number[];
  series: Series[];
  label: string;
  /** The legend tells the last values while nothing is pointed at. */
  tellsLast?: boolean;
}

export function Chart({ at, series, label, tellsLast = false }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const look = `${theme.value} ${language.value} ${shownZone()}`;
  useEffect(() => {
    const place = box.current;
    if (!place || at.length < 2) return undefined;
    const chart = new uPlot(options(place.clientWidth, series, tellsLast), data(at, series), place);
    const resized = new ResizeObserver(() => chart.setSize({ width: place.clientWidth, height: HEIGHT_px }));
    resized.observe(place);
    return () => {
      resized.disconnect();
      chart.destroy();
    };
  }, [at, series, look]);
  return <div class="chart" ref={box} role="img" aria-label={label} />;
}

const data = (at: number[], series: Series[]): uPlot.AlignedData => [at, ...series.map((one) => one.values)];

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** A time to the second where seconds matter, else to the minute. */
const near = (ticks: ArrayLike<number>, at: number): string =>
  (ticks[1] ?? 0) - (ticks[0] ?? 0) < 60 ? timeOfDay(at) : hourMinute(at);

/** Half a step before the first bar and behind the last one, so that no bar is cut. */
const withRoom = (chart: uPlot, from: number, to: number): [number, number] => {
  const at = chart.data[0];
  const half = ((at[1] ?? to) - (at[0] ?? from)) / 2;
  return [from - half, to + half];
};

function options(width: number, series: Series[], tellsLast: boolean): uPlot.Options {
  const text = colour("--muted");
  const grid = { stroke: colour("--line"), width: 1 };
  const axis = { stroke: text, grid, ticks: { show: false }, font: "11px system-ui, sans-serif" };
  const hasBars = series.some((one) => one.bars);
  const hasShare = series.some((one) => one.share);
  const bars = uPlot.paths.bars?.({ size: [0.7, 14] });
  // Without an index nothing is pointed at.
  const told = (chart: uPlot, value: number | null, of: number, index: number | null | undefined) =>
    index === null || index === undefined ? (tellsLast ? (chart.data[of]?.at(-1) ?? null) : null) : value;
  return {
    width,
    height: HEIGHT_px,
    tzDate: (at) => uPlot.tzDate(new Date(at * 1000), shownZone()),
    cursor: { y: false, points: { size: 6 } },
    padding: [10, 4, 0, 0],
    legend: { live: true },
    scales: { x: { time: true, ...(hasBars ? { range: withRoom } : {}) }, y: { range: (_, __, most) => [0, Math.max(4, Math.ceil(most * 1.1))] }, share: { range: [0, 1] } },
    axes: [
      {
        ...axis,
        values: (_, ticks) => ticks.map((at) => near(ticks, at)),
        space: 70,
        size: 34,
      },
      { ...axis, size: 34, values: (_, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? String(tick) : "")) },
      ...(hasShare
        ? [
            {
              ...axis,
              side: 1 as const,
              scale: "share",
              grid: { show: false },
              size: 50,
              values: (_: uPlot, ticks: number[]) => ticks.map((tick) => percent(tick, 0)),
            },
          ]
        : []),
    ],
    series: [
      {
        label: words().reports.time,
        value: (chart, value, of, index) => {
          const at = told(chart, value, of, index);
          return at ? near(chart.data[0], at) : NOTHING;
        },
      },
      ...series.map((one) => ({
        label: one.name,
        scale: one.share ? "share" : "y",
        stroke: colour(one.colour),
        ...(one.bars ? { fill: colour(one.colour) } : {}),
        width: one.bars ? 0 : 2,
        points: { show: false },
        spanGaps: true,
        ...(one.bars && bars ? { paths: bars } : {}),
        value: (chart: uPlot, given: number | null, of: number, index: number | null | undefined) => {
          const value = told(chart, given, of, index);
          return value === null || value === undefined ? NOTHING : one.share ? percent(value) : String(value);
        },
      })),
    ],
  };
}
