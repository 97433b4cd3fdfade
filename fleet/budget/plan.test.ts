import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { type Measured, planCosts, readMeasured, readTraffic, viewerHoursOf } from './plan.ts';

const folder = mkdtempSync(join(tmpdir(), 'hayate-plan-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (value: unknown) => {
  writeFileSync(join(folder, 'file.json'), JSON.stringify(value));
  return join(folder, 'file.json');
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
  const [cheap, dear, bundled] = planCosts(traffic, MEASURED);
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
  expect(() => readMeasured(file({ figures: {} }))).toThrow(/5 ms: unbundled/);
});
