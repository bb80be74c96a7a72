/** A line chart over time; drawn anew when its data, language, theme or width change. */
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { hourMinute, NOTHING, percent, timeOfDay } from "../format";
import { language, words } from "../language";
import { theme } from "../theme";

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

export function Chart({ at, series, label }: { at: number[]; series: Series[]; label: string }) {
  const box = useRef<HTMLDivElement>(null);
  const look = `${theme.value} ${language.value}`;
  useEffect(() => {
    const place = box.current;
    if (!place || at.length < 2) return undefined;
    const chart = new uPlot(options(place.clientWidth, series), data(at, series), place);
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

function options(width: number, series: Series[]): uPlot.Options {
  const text = colour("--muted");
  const grid = { stroke: colour("--line"), width: 1 };
  const axis = { stroke: text, grid, ticks: { show: false }, font: "11px system-ui, sans-serif" };
  const hasShare = series.some((one) => one.share);
  const bars = uPlot.paths.bars?.({ size: [0.7, 14] });
  return {
    width,
    height: HEIGHT_px,
    cursor: { y: false, points: { size: 6 } },
    padding: [10, 4, 0, 0],
    legend: { live: true },
    scales: { x: { time: true }, y: { range: (_, __, most) => [0, Math.max(4, Math.ceil(most * 1.1))] }, share: { range: [0, 1] } },
    axes: [
      {
        ...axis,
        // A short stretch of time is told by the second.
        values: (_, ticks) =>
          ticks.map((at) => ((ticks[1] ?? 0) - (ticks[0] ?? 0) < 60 ? timeOfDay(at) : hourMinute(at))),
        space: 70,
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
      { label: words().reports.time, value: (_, at) => (at ? timeOfDay(at) : NOTHING) },
      ...series.map((one) => ({
        label: one.name,
        scale: one.share ? "share" : "y",
        stroke: colour(one.colour),
        ...(one.bars ? { fill: colour(one.colour) } : {}),
        width: one.bars ? 0 : 2,
        points: { show: false },
        spanGaps: true,
        ...(one.bars && bars ? { paths: bars } : {}),
        value: (_: uPlot, value: number | null) =>
          value === null || value === undefined ? NOTHING : one.share ? percent(value) : String(value),
      })),
    ],
  };
}
