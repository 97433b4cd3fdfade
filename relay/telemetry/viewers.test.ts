import type { Report } from '@hayate/codec/messages';
import type { Attributes, Meter } from '@opentelemetry/api';
import { beforeEach, expect, it } from 'vitest';
import { ViewerReports } from './viewers.ts';

let seen: { name: string; value: number; labels: Attributes }[];
let reports: ViewerReports;
beforeEach(() => {
  seen = [];
  const instrument = (name: string) => {
    const note = (value: number, labels: Attributes) =>
      void seen.push({ name: name.slice('hayate_viewer_'.length), value, labels });
    return { record: note, add: note };
  };
  reports = new ViewerReports({ createHistogram: instrument, createCounter: instrument } as unknown as Meter);
});

const of = (name: string) => seen.filter((each) => each.name === name).map(({ value }) => value);
const report = (more: Partial<Report> = {}): Report => ({ t: 'report', marginMs: 5, ...more });

it('counts a report for the time since the one before, and the good of it', () => {
  const viewer = {};
  reports.take(viewer, report({ lagP99Ms: 80, lost: 3 }), 10_000);
  reports.take(viewer, report({ lagP99Ms: 100, lost: 3 }), 14_000);
  reports.take(viewer, report({ lagP99Ms: 100.5, lost: 11, stalls: 1 }), 16_000);
  expect(of('lag_seconds')).toEqual([0.08, 0.1, 0.1005]);
  expect(of('seconds')).toEqual([1, 4, 2]);
  expect(of('good_seconds')).toEqual([1, 4]);
  expect(of('missed_units')).toEqual([0, 4]);
  expect(of('stalls')).toEqual([0, 1]);
});

it('bounds what a liar may say', () => {
  const viewer = {};
  reports.take(viewer, report({ lagP99Ms: -1e9, joinMs: 1, browser: 'chromium', network: 'wifi' }), 0);
  reports.take(viewer, report({ lagP99Ms: 1e9, joinMs: 2, lost: 2 ** 50, stalls: 2 ** 50, browser: 'new' }), 3_600_000);
  reports.take(viewer, report({ lagP99Ms: 1, lost: 0, stalls: 0 }), 3_601_000);
  reports.take({}, report({ lagP99Ms: 1, browser: 'x'.repeat(32), network: '"} 1' }), 0);
  expect(of('lag_seconds')).toEqual([0, 10, 0.001, 0.001]);
  expect(of('seconds')).toEqual([1, 5, 1, 1]);
  expect(of('join_seconds')).toEqual([0.001]);
  expect(of('missed_units')).toEqual([1000, 0]);
  expect(Math.max(...of('stalls'))).toBe(33);
  const labels = new Set(seen.map((each) => JSON.stringify(each.labels)));
  expect([...labels].map((text) => JSON.parse(text))).toEqual([
    { browser: 'chromium', network: 'wifi', source: 'viewer' },
    { browser: 'other', network: 'other', source: 'viewer' },
  ]);
});

it('counts a viewer that says nothing of its lag as none', () => {
  reports.take({}, report(), 0);
  expect(of('seconds')).toEqual([]);
  expect(seen[0]!.labels).toEqual({ browser: 'unknown', network: 'unknown', source: 'viewer' });
});
