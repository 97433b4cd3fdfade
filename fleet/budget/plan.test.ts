import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { figuresOf, type Measured, planBasis } from './figures.ts';
import { planCosts, readTraffic, viewerHoursOf } from './plan.ts';

const folder = mkdtempSync(join(tmpdir(), 'hayate-plan-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (value: unknown, name = 'file.json') => {
  writeFileSync(join(folder, name), JSON.stringify(value));
  return join(folder, name);
};

const MEASURED: Measured[] = [
  { row: 'plain', bundled: false, dtx: false, bytesAViewerSecond: 10_000, engineUs: 600, cpuUs: 700 },
  { row: 'both', bundled: true, dtx: true, bytesAViewerSecond: 5000, engineUs: 300, cpuUs: 400 },
];

it('a month by hand: transfer, machines, the pool first, and all of it at a dearer place', () => {
  const traffic = readTraffic(
    file({
      terabytes: 36,
      machineHoursByLoad: 1,
      machines: [{ type: 'm', cpus: 2, dollarsAnHour: 0.1, transferGb: 730 }],
    }),
  );
  const hours = 1_000_000;
  expect(viewerHoursOf(traffic, MEASURED)).toBeCloseTo(hours);
  const [cheap, dear, bundled] = planCosts(traffic, MEASURED, 2);
  // A thousand viewers a machine: a thousand machine-hours, which bring a GB each.
  expect(cheap!.machineHours).toBeCloseTo(1000);
  expect(cheap!.relaysAtPeak).toBe(Math.ceil(((hours / 730) * 3) / 1000));
  expect(cheap!.dollarsAMonth).toBeCloseTo(100 + (36_000 - 1000) * 0.005);
  expect(dear!.dollarsAMonth).toBeCloseTo(100 + 36_000 * 0.09);
  expect(bundled!.dollarsAMonth).toBeCloseTo(50 + (18_000 - 500) * 0.005);
  expect(bundled!.dollarsA1000ViewerHours).toBeCloseTo(bundled!.dollarsAMonth / 1000);
});

it('refuses what it does not know, and results without the rows', () => {
  expect(() => readTraffic(file({ terabytes: 1, colour: 1 }))).toThrow(/colour/);
  expect(() => readTraffic(file({ terabytes: 1, viewerHours: 1 }))).toThrow(/either/);
  expect(() => readTraffic(file({}))).toThrow(/either/);
  expect(() => planBasis(readTraffic(file({ terabytes: 1 })), file({ figures: {} }))).toThrow(/5 ms: unbundled/);
});

const way = { wire_bytes_per_viewer_s: 1000, engine_cpu_us_per_viewer_s: 20, cpu_us_per_viewer_s: 30 };
const figures = Object.fromEntries(
  ['unbundled', 'unbundled, half of the voice DTX', 'hayate', 'hayate, half of the voice DTX'].map((row) => [
    `5 ms: ${row}`,
    { ...way, more: 1 },
  ]),
);
const lag = { at: '2026-01-01T00:00:00Z', commit: 'abc', passed: false, figures };

it('each number says where it is from; without a result those of the release are taken', () => {
  const basis = planBasis(
    readTraffic(file({ terabytes: 1, egressDollarsAGb: [0.005, 0.02] })),
    file(lag, 'lag.1.json'),
  );
  const of = (what: string) => basis.inputs.filter((each) => each.what === what);
  expect(of('5 ms: hayate')[0]).toEqual({
    ...{ what: '5 ms: hayate', unit: 'B/s a viewer', value: 1000 },
    from: {
      ...{ claim: 'lag.1', key: ['5 ms: hayate', 'wire_bytes_per_viewer_s'] },
      ...{ at: lag.at, commit: 'abc', passed: false },
    },
  });
  expect(of('egress at 0.005')[0]!.from).toHaveProperty('linode');
  expect(of('egress at 0.02')[0]!.from).toEqual({ chosen: 'by the traffic' });
  expect(of('g6-standard-2').map(({ value }) => value)).toEqual([2, 0.036, 4000]);
  const shipped = planBasis(readTraffic(file({ terabytes: 1 })));
  expect(shipped.inputs.filter(({ from }) => 'claim' in from)).toHaveLength(13);
  expect(shipped.machineHoursByLoad).toBeGreaterThan(1);
  const own = planBasis(readTraffic(file({ terabytes: 1, machineHoursByLoad: 1.5 })));
  expect(own.machineHoursByLoad).toBe(1.5);
});

it('what ships is the part of the results that a plan needs, with the worst day', () => {
  const fleet = { ...lag, figures: { assumptions: {}, 'day 1': { vm_hours_over_clairvoyant: 0.1, refused: 1 } } };
  const text = figuresOf(lag, fleet);
  expect(JSON.parse(text)).toMatchObject({
    'lag.1': { commit: 'abc', figures: { '5 ms: hayate': way } },
    'fleet.1': { figures: { 'day 1': { vm_hours_over_clairvoyant: 0.1 } } },
  });
  expect(text).not.toMatch(/more|refused|assumptions/);
  expect(() => figuresOf(lag, { ...lag, figures: {} })).toThrow(/no day/);
});
