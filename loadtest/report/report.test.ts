import { describe, expect, it } from 'vitest';
import { check, group, sleep } from '../k6/index.ts';
import { Counter, Gauge, Rate, Trend } from '../k6/metrics.ts';
import { loadingRun } from '../runner/vu.ts';
import { runScript } from '../test/script.ts';
import { exportData, summaryData } from './data.ts';
import { formatBytes, formatNumber, formatShare, formatTime } from './format.ts';
import { Parts } from './parts.ts';
import { clockTime, planText, progressLines } from './progress.ts';
import { summaryText } from './summary.ts';

const TTY = { out: false, err: false };

function busyScript() {
  const count = new Counter('my_counter');
  const gauge = new Gauge('my_gauge');
  const rate = new Rate('my_rate');
  const trend = new Trend('my_trend', true);
  return {
    options: {
      vus: 1,
      iterations: 4,
      thresholds: {
        my_trend: ['p(95)<100', 'avg<1'],
        'my_trend{phase:x}': ['max<1000'],
        my_counter: ['count>3', 'rate>1'],
        checks: ['rate>0.5'],
      },
    },
    default: async () => {
      count.add(1);
      gauge.add(7);
      rate.add(true);
      trend.add(12.5, { phase: 'x' });
      group('outer', () => check(1, { 'is one': (value) => value === 1, fails: () => false }));
      await sleep(0.5);
    },
  };
}

describe('summary', () => {
  it('has the order and look of k6', async () => {
    const { run } = await runScript(busyScript);
    const text = summaryText(summaryData(run, TTY), { color: false, checks: run.checks.inOrder, parts: undefined });
    expect(text).toBe(
      `

  █ THRESHOLDS 

    checks
    ✗ 'rate>0.5' rate=50.00%

    my_counter
    ✓ 'count>3' count=4
    ✓ 'rate>1' rate=2/s

    my_trend
    ✓ 'p(95)<100' p(95)=12.5ms
    ✗ 'avg<1' avg=12.5ms

      {phase:x}
      ✓ 'max<1000' max=12.5ms


  █ TOTAL RESULTS 

    checks_total.......: 8      4/s
    checks_succeeded...: 50.00% 4 out of 8
    checks_failed......: 50.00% 4 out of 8

    ✓ is one
    ✗ fails
      ↳  0% — ✓ 0 / ✗ 4

    CUSTOM
    my_counter...........: 4       2/s
    my_gauge.............: 7       min=7      max=7
    my_rate..............: 100.00% 4 out of 4
    my_trend.............: avg=12.5ms min=12.5ms med=12.5ms max=12.5ms p(90)=12.5ms p(95)=12.5ms
      { phase:x }........: avg=12.5ms min=12.5ms med=12.5ms max=12.5ms p(90)=12.5ms p(95)=12.5ms

    EXECUTION
    iteration_duration...: avg=500ms  min=500ms  med=500ms  max=500ms  p(90)=500ms  p(95)=500ms 
    iterations...........: 4       2/s
    vus..................: 1       min=1      max=1
    vus_max..............: 1       min=1      max=1

    NETWORK
    data_received........: 0 B     0 B/s
    data_sent............: 0 B     0 B/s



`,
    );
  });

  it('is coloured on a terminal', async () => {
    const { run } = await runScript(busyScript);
    const text = summaryText(summaryData(run, TTY), { color: true, checks: run.checks.inOrder, parts: undefined });
    expect(text).toContain('\u001b[31m✗\u001b[39m');
  });

  it('has scenarios and groups on their own in full mode, as k6', async () => {
    let parts: Parts | undefined;
    const { run } = await runScript(() => {
      parts = new Parts(loadingRun()!.registry);
      const count = new Counter('my_counter');
      const scenario = { executor: 'per-vu-iterations', iterations: 2 };
      return {
        options: { scenarios: { b: { ...scenario, exec: 'b' }, a: { ...scenario, exec: 'a' } } },
        setup: () => check(1, { 'of setup': () => true }),
        a: async () => {
          group('outer', () => group('inner', () => [count.add(1), check(1, { 'is one': (value) => value === 1 })]));
          await sleep(1);
        },
        b: () => sleep(1),
      };
    });
    const text = summaryText(summaryData(run, TTY), { color: false, checks: run.checks.inOrder, parts });
    expect(text.slice(text.indexOf('  █ SCENARIO'))).toBe(
      `  █ SCENARIO: a 

    checks_total.......: 2       1/s
    checks_succeeded...: 100.00% 2 out of 2
    checks_failed......: 0.00%   0 out of 2

    ✓ is one

    CUSTOM
    my_counter...........: 2   1/s

    EXECUTION
    iteration_duration...: avg=1s min=1s med=1s max=1s p(90)=1s p(95)=1s
    iterations...........: 2   1/s

    NETWORK
    data_received........: 0 B 0 B/s
    data_sent............: 0 B 0 B/s

    ↳ GROUP: outer 

      ↳ GROUP: inner 

        checks_total.......: 2       1/s
        checks_succeeded...: 100.00% 2 out of 2
        checks_failed......: 0.00%   0 out of 2

        ✓ is one

        CUSTOM
        my_counter...: 2 1/s


  █ SCENARIO: b 

    EXECUTION
    iteration_duration...: avg=1s min=1s med=1s max=1s p(90)=1s p(95)=1s
    iterations...........: 2   1/s

    NETWORK
    data_received........: 0 B 0 B/s
    data_sent............: 0 B 0 B/s



`,
    );
  });

  it('without scenarios has the groups beside the total', async () => {
    let parts: Parts | undefined;
    const { run } = await runScript(() => {
      parts = new Parts(loadingRun()!.registry);
      return busyScript();
    });
    const text = summaryText(summaryData(run, TTY), { color: false, checks: run.checks.inOrder, parts });
    expect(text).toContain('\n  █ GROUP: outer \n\n    checks_total.......: 8      4/s\n');
    expect(text).not.toContain('SCENARIO');
  });

  it('as data is k6’s: metrics, groups, options, state', async () => {
    const { run } = await runScript(busyScript);
    const data = summaryData(run, TTY);
    expect(Object.keys(data)).toEqual(['metrics', 'root_group', 'options', 'state']);
    expect(data.metrics['my_counter']).toEqual({
      type: 'counter',
      contains: 'default',
      values: { count: 4, rate: 2 },
      thresholds: { 'count>3': { ok: true }, 'rate>1': { ok: true } },
    });
    expect(data.metrics['dropped_iterations']).toBeUndefined();
    expect(data.state.testRunDurationMs).toBe(2000);
    const exported = exportData(data) as { metrics: Record<string, Record<string, unknown>> };
    expect(exported.metrics['checks']).toEqual({ passes: 4, fails: 4, value: 0.5, thresholds: { 'rate>0.5': true } });
  });
});

describe('progress', () => {
  it('says what will run and how far it is', async () => {
    const { run } = await runScript(() => ({
      options: {
        scenarios: {
          a: { executor: 'constant-vus', vus: 2, duration: '1s', exec: 'work' },
          longer: { executor: 'ramping-arrival-rate', stages: [{ duration: '2s', target: 4 }], preAllocatedVUs: 3 },
        },
      },
      work: () => sleep(0.5),
      default: () => sleep(0.1),
    }));
    expect(planText(run, 's.ts', [])).toContain(
      `     scenarios: (100.00%) 2 scenarios, 5 max VUs, 32s max duration (incl. graceful stop):
              * a:      2 looping VUs for 1s (exec: work, gracefulStop: 30s)
              * longer: Up to 4.00 iterations/s for 2s over 1 stage (maxVUs: 3, gracefulStop: 30s)`,
    );
    expect(progressLines(run, false)).toEqual([
      'running (00m02.0s), 0/5 VUs, 8 complete and 0 interrupted iterations',
      'a      ✓ [ 100% ] 0/2 VUs  00m01.0s/1s',
      'longer ✓ [ 100% ] 0/3 VUs  00m02.0s/2s  4 iters/s',
    ]);
  });
});

describe('formats', () => {
  it.each([
    [0, '0s'],
    [0.0005, '500ns'],
    [0.5, '500µs'],
    [12.349, '12.34ms'],
    [1500, '1.5s'],
    [125_000, '2m5s'],
    [3_725_000, '1h2m5s'],
  ])('%s ms', (ms, text) => expect(formatTime(ms)).toBe(text));

  it('in one unit, bytes, shares and numbers', () => {
    expect([formatTime(1500, 's'), formatTime(1.5, 'us')]).toEqual(['1.50s', '1500.00µs']);
    expect([formatBytes(0), formatBytes(999), formatBytes(1500), formatBytes(1.5e7)]).toEqual([
      '0 B',
      '999 B',
      '1.5 kB',
      '15 MB',
    ]);
    expect([formatShare(0.51612), formatNumber(14.4), formatNumber(3), formatNumber(1 / 3)]).toEqual([
      '51.61%',
      '14.4',
      '3',
      '0.333333',
    ]);
    expect([clockTime(1500), clockTime(3_661_000)]).toEqual(['00m01.5s', '1h01m01.0s']);
  });
});
