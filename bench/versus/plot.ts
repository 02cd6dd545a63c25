/**
 * A plot of ratios as SVG: a bar for each cell from 1.0 on a logarithmic scale (twice as fast and half as fast are
 * equally far from it), a whisker over the spread of the rounds, and a mark where the goal is.
 */
import type { Spread } from "./statistics.ts";

export interface Bar {
  /** Bars of a group stand together under this title. */
  readonly group: string;
  readonly label: string;
  readonly ratio: Spread;
  readonly goal?: number;
}

const WIDTH = 960;
/** Of the longest name that a cell has. */
const LABEL_WIDTH = 370;
const VALUE_WIDTH = 150;
const ROW_HEIGHT = 24;
const BAR_HEIGHT = 14;
const TITLE_HEIGHT = 34;
const TOP = 46;
const BOTTOM = 40;
const TICKS = [0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8];
const AHEAD = "#2a7f62";
const BEHIND = "#c2571a";
const INK = "#24292f";
const PALE = "#d0d7de";

/** A whole SVG document; bars stand in the order given. */
export function plotOf(bars: readonly Bar[]): string {
  const scale = scaleOf(bars);
  const groups = [...new Set(bars.map(({ group }) => group))];
  const parts: string[] = [];
  let y = TOP;
  for (const group of groups) {
    parts.push(text(12, y + 20, group, 'font-weight="bold"'));
    y += TITLE_HEIGHT;
    for (const bar of bars) {
      if (bar.group !== group) continue;
      parts.push(...rowOf(bar, y, scale));
      y += ROW_HEIGHT;
    }
  }
  const height = y + BOTTOM;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" ` +
    `font-family="system-ui, sans-serif" font-size="13" fill="${INK}" role="img">`,
    "<title>Requests per second of Roundel over those of its peers</title>",
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    text(12, 24, "Requests per second, ours ÷ theirs (right of 1 is faster)", 'font-size="15"'),
    ...axis(scale, y),
    ...parts,
    text(
      12,
      height - 12,
      "bar: median of the rounds; whisker: least and greatest; diamond: goal",
      'font-size="11"',
    ),
    "</svg>",
    "",
  ].join("\n");
}

interface Scale {
  readonly ticks: readonly number[];
  /** The place of a ratio. */
  x(ratio: number): number;
}

/** From the tick below the least to the tick above the greatest. */
function scaleOf(bars: readonly Bar[]): Scale {
  const values = bars.flatMap((
    { ratio, goal },
  ) => [ratio.min, ratio.max, ...(goal === undefined ? [] : [goal])]);
  const least = Math.min(0.75, ...values);
  const greatest = Math.max(1.5, ...values);
  const from = TICKS.findLast((tick) => tick <= least) ?? TICKS[0]!;
  const to = TICKS.find((tick) => tick >= greatest) ?? TICKS.at(-1)!;
  const width = WIDTH - LABEL_WIDTH - VALUE_WIDTH;
  return {
    ticks: TICKS.filter((tick) => tick >= from && tick <= to),
    x: (ratio) => {
      const within = Math.min(to, Math.max(from, ratio));
      return Number((LABEL_WIDTH + width * Math.log(within / from) / Math.log(to / from)).toFixed(1));
    },
  };
}

function axis({ ticks, x }: Scale, bottom: number): string[] {
  return ticks.flatMap((tick) => [
    line(x(tick), TOP, x(tick), bottom, tick === 1 ? INK : PALE),
    text(x(tick), TOP - 6, `${tick}`, 'font-size="11" text-anchor="middle"'),
  ]);
}

function rowOf({ label, ratio, goal }: Bar, y: number, { x }: Scale): string[] {
  const middle = y + BAR_HEIGHT / 2;
  const [one, median] = [x(1), x(ratio.median)];
  const width = Math.max(1, Math.abs(median - one)).toFixed(1);
  const color = ratio.median >= 1 ? AHEAD : BEHIND;
  const value = `${ratio.median.toFixed(2)}  (${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)})`;
  return [
    text(LABEL_WIDTH - 10, middle + 4, label, 'text-anchor="end"'),
    `<rect x="${Math.min(one, median)}" y="${y}" width="${width}" height="${BAR_HEIGHT}" fill="${color}"/>`,
    line(x(ratio.min), middle, x(ratio.max), middle, INK),
    line(x(ratio.min), middle - 4, x(ratio.min), middle + 4, INK),
    line(x(ratio.max), middle - 4, x(ratio.max), middle + 4, INK),
    ...(goal === undefined ? [] : [diamond(x(goal), middle)]),
    text(WIDTH - VALUE_WIDTH + 14, middle + 4, value, ""),
  ];
}

function diamond(x: number, y: number): string {
  const points = [[x, y - 6], [x + 5, y], [x, y + 6], [x - 5, y]].map((point) => point.join()).join(" ");
  return `<polygon points="${points}" fill="#ffffff" stroke="${INK}"/>`;
}

function line(x1: number, y1: number, x2: number, y2: number, color: string): string {
  return `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="${color}"/>`;
}

function text(x: number, y: number, content: string, attributes: string): string {
  const escaped = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  return `<text x="${x}" y="${y}" ${attributes}>${escaped}</text>`;
}
