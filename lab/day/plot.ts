import { svgLine, svgPage, svgPath, svgText as text } from '../lib/svg.ts';
import type { Sample } from './day.ts';

const LEFT = 46;
const WIDTH = 860;
const HEIGHT = 190;
const GAP = 54;
const LOAD = '#c2410c';
const SERVING = '#1d4ed8';
const MACHINES = '#6b7280';

/** A region a panel: offered load in full relays, relays that serve, machines that are paid for. */
export function plot(
  samples: readonly Sample[],
  notes: readonly { fromHour: number; toHour: number; text: string }[],
): string {
  const regions = Object.keys(samples[0]?.regions ?? {});
  const height = 40 + regions.length * (HEIGHT + GAP);
  const out = [
    `<g fill="${LOAD}">${text(LEFT, 14, 'load, in full relays')}</g>`,
    `<g fill="${SERVING}">${text(LEFT + 130, 14, 'relays that serve')}</g>`,
    `<g fill="${MACHINES}">${text(LEFT + 250, 14, 'machines that are paid for')}</g>`,
  ];
  regions.forEach((region, n) => {
    const top = 40 + n * (HEIGHT + GAP);
    const most = Math.max(5, ...samples.map(({ regions: each }) => each[region]!.machines));
    const x = (hour: number) => LEFT + (hour / 24) * WIDTH;
    const y = (value: number) => top + HEIGHT - (value / most) * HEIGHT;
    for (const { fromHour, toHour, text: note } of n === 0 ? notes : []) {
      out.push(
        `<rect x="${x(fromHour).toFixed(1)}" y="${top}" width="${(x(toHour) - x(fromHour)).toFixed(1)}" height="${HEIGHT}" fill="#fecaca"/>`,
        text(x(fromHour), top - 4, note, 'middle'),
      );
    }
    for (let hour = 0; hour <= 24; hour += 3) {
      out.push(
        svgLine(x(hour), top, x(hour), top + HEIGHT, 'stroke="#e5e7eb"'),
        text(x(hour), top + HEIGHT + 14, `${hour}:00`, 'middle'),
      );
    }
    for (const value of [0, most / 2, most]) out.push(text(LEFT - 6, y(value) + 4, String(Math.round(value)), 'end'));
    out.push(text(LEFT + 4, top + 12, `${region}, UTC`));
    const line = (of: (sample: Sample) => number, colour: string, width: number) => {
      const points = samples.map((sample) => [x(sample.hour), y(of(sample))] as const);
      out.push(svgPath(points, `stroke="${colour}" stroke-width="${width}"`));
    };
    line(({ regions: each }) => each[region]!.machines, MACHINES, 1);
    line(({ regions: each }) => each[region]!.serving, SERVING, 1.5);
    line(({ regions: each }) => each[region]!.load, LOAD, 1.5);
  });
  return svgPage(LEFT + WIDTH + 20, height, 'A simulated day: load and relays of each region', out);
}
