// One script for real k6 and for `hayate loadtest run`. WHAT chooses how it ends.
import { check, group, sleep } from 'k6';
import exec from 'k6/execution';
import { Counter, Gauge, Rate, Trend } from 'k6/metrics';

const what = __ENV.WHAT || 'good';
if (what === 'init_throws') throw new Error('broken at the start');

const counter = new Counter('my_counter');
const gauge = new Gauge('my_gauge');
const rate = new Rate('my_rate');
const trend = new Trend('my_trend', true);
const plain = new Trend('my_plain');

const THRESHOLDS = {
  good: ['count>3', 'rate>0'],
  crossed: ['count<1'],
  bad_expression: ['p(101)<1'],
};

export const options = {
  scenarios: {
    stages: {
      executor: 'ramping-vus',
      startVUs: 1,
      stages: [
        { duration: '1s', target: 3 },
        { duration: '1s', target: 1 },
      ],
      gracefulRampDown: '1s',
      tags: { kind: 'looping' },
    },
    fixed: { executor: 'per-vu-iterations', vus: 2, iterations: 3, exec: 'fixed', startTime: '500ms' },
    arrivals: { executor: 'constant-arrival-rate', rate: 5, duration: '2s', preAllocatedVUs: 3, exec: 'arrival' },
  },
  thresholds: {
    my_counter: THRESHOLDS[what] || THRESHOLDS.good,
    my_trend: ['p(95)<1000', 'avg>0'],
    'my_trend{scenario:fixed}': ['max<1000'],
    checks: ['rate>0.1'],
  },
  setupTimeout: '1s',
};

export async function setup() {
  if (what === 'setup_hangs') await sleep(5);
  if (what === 'setup_throws') throw new Error('broken in setup');
  return { started: 1 };
}

export default async function stages() {
  if (what === 'interrupted') console.log('under way');
  if (what === 'aborts') exec.test.abort('enough');
  group('outer', () => {
    group('inner', () => check(1, { 'inner is one': (value) => value === 1 }));
  });
  rate.add(true);
  await sleep(0.1);
}

export async function fixed(data) {
  counter.add(2);
  gauge.add(7);
  trend.add(30);
  plain.add(1234.5678);
  check(data, { 'setup came': (value) => value.started === 1, 'never true': () => false });
  if (what === 'iteration_throws') throw new Error('broken in an iteration');
  await sleep(0.1);
}

export async function arrival() {
  trend.add(12.5, { phase: 'arrival' });
  await sleep(0.2);
}

export function handleSummary(data) {
  // The usual text is not printed where this is given: the claim runs without it for that.
  return __ENV.SUMMARY ? { [__ENV.SUMMARY]: JSON.stringify(data) } : undefined;
}
