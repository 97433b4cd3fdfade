import { svgDots, svgLine, svgPage, svgPath, svgText } from '../lib/svg.ts';
import { disturbed, WARM } from './judge.ts';
import type { SoakResult } from './result.ts';
import type { Sample } from './sampler.ts';

const LEFT = 46;
const WIDTH = 860;
const HEIGHT = 130;
const GAP = 62;
const TOP = 34;
const TICKS = 8;
/** Lags above end here. */
const LAG_MAX_MS = 100;

const COLOURS = ['#c2410c', '#1d4ed8', '#047857', '#7c3aed'];
const PALE = '#9ca3af';
const WARM_GROUND = '#f3f4f6';
const GRID = 'stroke="#e5e7eb"';

type Figure = Exclude<keyof Sample, 'second' | 'where_mb'>;

interface Panel {
  title: string;
  /** By the names of the legend. */
  lines: Readonly<Record<string, Figure>>;
  /** The axis spans multiples of it around the values, not all from 0. */
  step?: number;
}

const PANELS: readonly Panel[] = [
  { title: 'MB', lines: { 'resident memory': 'rss_mb' }, step: 20 },
  { title: 'MB', lines: { 'JavaScript heap, collected': 'heap_mb', 'buffers outside it': 'external_mb' } },
  {
    title: 'of the process',
    lines: { 'file descriptors': 'fds', threads: 'threads', 'handles of JavaScript': 'resources' },
  },
  {
    title: 'of the engine',
    lines: { connections: 'connections', streams: 'streams', timers: 'timers', rooms: 'engine_rooms' },
  },
];

interface Axis {
  least: number;
  most: number;
}

/** From 0 to the next of 1, 2, 5, 10, 20, ..., or to multiples of the step around the values. */
function axisOf(values: readonly number[], step?: number): Axis {
  const most = Math.max(1, ...values);
  if (step !== undefined) {
    const least = Math.floor(Math.min(...values) / step) * step;
    return { least, most: Math.max(least + step, Math.ceil(most / step) * step) };
  }
  const tens = 10 ** Math.floor(Math.log10(most));
  return { least: 0, most: tens * ([1, 2, 5].find((times) => times * tens >= most) ?? 10) };
}

type Soaked = Pick<SoakResult, 'samples' | 'minutes' | 'interval_s'>;
type Point = readonly [number, number];

/** Memory, handles, what the engine holds, and lag over the time. */
export function plot(soak: Soaked): string {
  const out = [
    ...PANELS.flatMap((panel, n) => linesPanel(soak, panel, topOf(n))),
    ...lagPanel(soak, topOf(PANELS.length)),
  ];
  const height = topOf(PANELS.length) + HEIGHT + 26;
  return svgPage(LEFT + WIDTH + 30, height, 'Memory, handles and lag of one relay while people come and go', out);
}

const topOf = (n: number) => TOP + n * (HEIGHT + GAP);
const xOf = (second: number, { minutes }: Soaked) => LEFT + (second / 60 / minutes) * WIDTH;
/** What is beyond the axis stands at its end. */
const yOf = (value: number, { least, most }: Axis, top: number) =>
  top + HEIGHT - ((Math.min(value, most) - least) / (most - least)) * HEIGHT;

/** Ground, title, legend and both axes. */
function frame(
  soak: Soaked,
  top: number,
  title: string,
  legend: readonly (readonly [name: string, colour: string])[],
  axis: Axis,
): string[] {
  const warm = xOf(soak.minutes * 60 * WARM, soak) - LEFT;
  const out = [`<rect x="${LEFT}" y="${top}" width="${warm}" height="${HEIGHT}" fill="${WARM_GROUND}"/>`];
  for (const value of [axis.least, (axis.least + axis.most) / 2, axis.most]) {
    const y = yOf(value, axis, top);
    out.push(svgLine(LEFT, y, LEFT + WIDTH, y, GRID), svgText(LEFT - 6, y + 4, String(value), 'end'));
  }
  for (let n = 0; n <= TICKS; n += 1) {
    const minute = (soak.minutes * n) / TICKS;
    const label = `${Number(minute.toFixed(1))} min`;
    out.push(svgText(xOf(minute * 60, soak), top + HEIGHT + 14, label, 'middle'));
  }
  out.push(svgText(LEFT, top - 8, title));
  for (const [n, [name, colour]] of legend.entries()) {
    out.push(`<g fill="${colour}">${svgText(LEFT + 110 + n * 170, top - 8, name)}</g>`);
  }
  return out;
}

function linesPanel(soak: Soaked, { title, lines, step }: Panel, top: number): string[] {
  const series = Object.entries(lines).map(([name, figure], n) => {
    const points = soak.samples.flatMap(({ second, [figure]: value }): Point[] =>
      value === null ? [] : [[second, value]],
    );
    return { name, colour: COLOURS[n]!, points: turns(points) };
  });
  const axis = axisOf(
    series.flatMap(({ points }) => points.map(([, value]) => value)),
    step,
  );
  const legend = series.map(({ name, colour }) => [name, colour] as const);
  const drawn = series.map(({ points, colour }) => {
    const at = points.map(([second, value]): Point => [xOf(second, soak), yOf(value, axis, top)]);
    return svgPath(at, `stroke="${colour}" stroke-width="1.5"`);
  });
  return [...frame(soak, top, title, legend, axis), ...drawn];
}

function lagPanel(soak: Soaked, top: number): string[] {
  const axis = { least: 0, most: LAG_MAX_MS };
  const [p99, p50] = COLOURS as [string, string];
  const legend = [
    ['median', p50],
    ['99th percentile', p99],
    ['both, machine late', PALE],
  ] as const;
  const dots = (figure: 'lag_p50_ms' | 'lag_p99_ms', late: boolean) =>
    soak.samples.flatMap((sample): Point[] => {
      const value = sample[figure];
      if (value === null || disturbed(sample, soak.interval_s) !== late) return [];
      return [[xOf(sample.second, soak), yOf(value, axis, top)]];
    });
  return [
    ...frame(soak, top, 'lag, ms', legend, axis),
    svgDots([...dots('lag_p99_ms', true), ...dots('lag_p50_ms', true)], PALE, 2),
    svgDots(dots('lag_p99_ms', false), p99, 2.5),
    svgDots(dots('lag_p50_ms', false), p50, 2.5),
  ];
}

/** Without the points that lie between two of the same value. */
function turns(points: readonly Point[]): Point[] {
  return points.filter(([, value], n) => points[n - 1]?.[1] !== value || points[n + 1]?.[1] !== value);
}
