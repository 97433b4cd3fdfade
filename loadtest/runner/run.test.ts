import { describe, expect, it } from 'vitest';
import { EXIT } from '../errors.ts';
import exec from '../k6/execution.ts';
import { check, group, sleep } from '../k6/index.ts';
import { Counter, Trend } from '../k6/metrics.ts';
import { runScript } from '../test/script.ts';

const count = (ran: Awaited<ReturnType<typeof runScript>>, name: string) =>
  ran.run.registry.get(name)!.sink.figure('count', 1)!;

describe('executors', () => {
  it('constant-vus: each VU loops until the time is over, and what runs may end', async () => {
    const ends: number[] = [];
    const ran = await runScript((time) => ({
      options: { vus: 3, duration: '10s' },
      default: async () => {
        await sleep(3);
        ends.push(time.nowMs() - 1000);
      },
    }));
    expect(ends).toEqual([3000, 6000, 9000, 12_000].flatMap((at) => [at, at, at]));
    expect(ran.result).toMatchObject({ exitCode: EXIT.ok, durationMs: 12_000, interrupted: 0 });
    expect(count(ran, 'iterations')).toBe(12);
  });

  it('gracefulStop cuts short what does not end', async () => {
    const ran = await runScript(() => ({
      options: { scenarios: { s: { executor: 'constant-vus', vus: 2, duration: '5s', gracefulStop: '2s' } } },
      default: () => sleep(100),
    }));
    expect(ran.result).toMatchObject({ exitCode: EXIT.ok, durationMs: 7000, interrupted: 2 });
    expect(count(ran, 'iterations')).toBe(0);
  });

  it('shared-iterations: so many in all, whoever is free', async () => {
    const by = new Map<number, number>();
    await runScript(() => ({
      options: { vus: 2, iterations: 6 },
      default: async () => {
        const id = exec.vu.idInTest;
        by.set(id, (by.get(id) ?? 0) + 1);
        await sleep(id === 1 ? 1 : 5);
      },
    }));
    expect([...by.values()].reduce((a, b) => a + b)).toBe(6);
    expect(by.get(1)).toBe(5);
  });

  it('per-vu-iterations: so many each', async () => {
    const iterations: string[] = [];
    await runScript(() => ({
      options: { scenarios: { s: { executor: 'per-vu-iterations', vus: 2, iterations: 2, startTime: '3s' } } },
      default: async () => {
        iterations.push(`${exec.vu.idInTest}:${exec.vu.iterationInScenario}`);
        await sleep(1);
      },
    }));
    expect(iterations).toEqual(['1:0', '2:0', '1:1', '2:1']);
  });

  it('maxDuration ends iterations', async () => {
    const ran = await runScript(() => ({
      options: { scenarios: { s: { executor: 'per-vu-iterations', vus: 1, iterations: 100, maxDuration: '5s' } } },
      default: () => sleep(1),
    }));
    expect(count(ran, 'iterations')).toBe(5);
  });

  it('ramping-vus: as many loops as the line says, down again, with time to end', async () => {
    let active = 0;
    const seen: number[] = [];
    const ran = await runScript((time) => {
      const watch = () => {
        seen.push(active);
        if (seen.length < 8) time.setTimer(watch, 1000);
      };
      time.setTimer(watch, 500);
      const stages = [
        { duration: '3s', target: 3 },
        { duration: '2s', target: 3 },
        { duration: '3s', target: 0 },
      ];
      return {
        options: { scenarios: { s: { executor: 'ramping-vus', startVUs: 0, stages, gracefulRampDown: '0s' } } },
        default: async () => {
          active += 1;
          try {
            await sleep(0.25);
          } finally {
            active -= 1;
          }
        },
      };
    });
    expect(seen).toEqual([0, 1, 2, 3, 3, 3, 2, 1]);
    expect(ran.result.durationMs).toBe(8000);
  });

  it('ramping-vus: gracefulRampDown cuts short, and a VU that is wanted again goes on', async () => {
    const log: string[] = [];
    await runScript((time) => ({
      options: {
        scenarios: {
          s: {
            executor: 'ramping-vus',
            startVUs: 1,
            stages: [
              { duration: '1s', target: 1 },
              { duration: '0s', target: 0 },
              { duration: '5s', target: 0 },
              { duration: '0s', target: 1 },
              { duration: '2s', target: 1 },
            ],
            gracefulRampDown: '2s',
            gracefulStop: '1s',
          },
        },
      },
      default: async () => {
        log.push(`begin ${time.nowMs() - 1000}`);
        try {
          await sleep(60);
        } catch {
          log.push(`cut ${time.nowMs() - 1000}`);
          throw new Error('late');
        }
      },
    }));
    expect(log).toEqual(['begin 0', 'cut 3000', 'begin 6000', 'cut 9000']);
  });

  it('constant-arrival-rate: starts when due whatever takes long, and drops what no VU is free for', async () => {
    const starts: number[] = [];
    const ran = await runScript((time) => ({
      options: {
        scenarios: {
          s: {
            executor: 'constant-arrival-rate',
            rate: 10,
            duration: '1s',
            preAllocatedVUs: 2,
            maxVUs: 4,
            exec: 'work',
          },
        },
      },
      work: async () => {
        starts.push(Math.round(time.nowMs() - 1000));
        await sleep(0.45);
      },
    }));
    expect(starts).toEqual([0, 100, 200, 300, 500, 600, 700, 800]);
    expect(count(ran, 'dropped_iterations')).toBe(2);
    expect(ran.run.vuCount).toBe(4);
    expect(ran.log).toEqual([expect.stringContaining('Insufficient VUs, reached 4')]);
  });

  it('ramping-arrival-rate: as many as the area under the line', async () => {
    const ran = await runScript(() => ({
      options: {
        scenarios: {
          s: {
            executor: 'ramping-arrival-rate',
            startRate: 0,
            stages: [
              { duration: '10s', target: 10 },
              { duration: '10s', target: 10 },
            ],
            preAllocatedVUs: 5,
          },
        },
      },
      default: () => sleep(0.1),
    }));
    expect(count(ran, 'iterations')).toBe(150);
  });
});

describe('scripts', () => {
  it('setup hands a copy to each iteration and to teardown', async () => {
    const seen: unknown[] = [];
    await runScript(() => ({
      options: { vus: 1, iterations: 2 },
      setup: () => ({ n: 1, gone: undefined }),
      default: (data: unknown) => {
        seen.push(structuredClone(data));
        (data as { n: number }).n += 1;
      },
      teardown: (data: unknown) => void seen.push(data),
    }));
    expect(seen).toEqual([{ n: 1 }, { n: 1 }, { n: 1 }]);
  });

  it.each<[string, Record<string, unknown>, number]>([
    ['setup that throws', { setup: () => Promise.reject(new Error('no')) }, EXIT.scriptException],
    ['setup that hangs', { setup: () => sleep(1000), options: { setupTimeout: '5s' } }, EXIT.setupTimeout],
    ['teardown that throws', { teardown: () => Promise.reject(new Error('no')) }, EXIT.scriptException],
    [
      'teardown that hangs',
      { teardown: () => new Promise(() => {}), options: { teardownTimeout: '5s' } },
      EXIT.teardownTimeout,
    ],
  ])('%s', async (_, exports, exitCode) => {
    let iterations = 0;
    const work = () => {
      iterations += 1;
    };
    const ran = await runScript(() => ({ default: work, ...exports }));
    expect(ran.result.exitCode).toBe(exitCode);
    expect(iterations).toBe('setup' in exports ? 0 : 1);
    expect(ran.log.length).toBeGreaterThan(0);
  });

  it('an iteration that throws is logged and counted, and the test goes on', async () => {
    const ran = await runScript(() => ({
      options: { vus: 1, iterations: 30 },
      default: () => {
        throw new Error('broken');
      },
    }));
    expect(ran.result.exitCode).toBe(EXIT.ok);
    expect(count(ran, 'iterations')).toBe(30);
    expect(ran.log).toHaveLength(21);
  });

  it('exec.test.abort() ends all with 108, fail() goes on with 110', async () => {
    const aborted = await runScript(() => ({
      options: { vus: 2, duration: '60s' },
      default: async () => {
        await sleep(1);
        if (exec.vu.idInTest === 1) exec.test.abort('enough');
        await sleep(50);
      },
    }));
    expect(aborted.result).toMatchObject({ exitCode: EXIT.scriptAborted, durationMs: 1000 });
    const failed = await runScript(() => ({ default: () => exec.test.fail('bad') }));
    expect(failed.result.exitCode).toBe(EXIT.markedFailed);
  });

  it('thresholds: crossed at the end is 99; abortOnFail ends the test, not before its delay', async () => {
    const made = (thresholds: unknown, iterations = 10) =>
      runScript(() => {
        const bad = new Counter('bad');
        return {
          options: { vus: 1, iterations, thresholds: { bad: thresholds } },
          default: async () => {
            bad.add(1);
            await sleep(1);
          },
        };
      });
    const late = await made(['count<5', 'count<100']);
    expect(late.result).toMatchObject({ exitCode: EXIT.thresholdsFailed, crossed: ['bad'], durationMs: 10_000 });
    const early = await made([{ threshold: 'count<2', abortOnFail: true }]);
    expect(early.result).toMatchObject({ exitCode: EXIT.thresholdsFailed, durationMs: 2000 });
    const delayed = await made([{ threshold: 'count<2', abortOnFail: true, delayAbortEval: '5s' }]);
    expect(delayed.result.durationMs).toBe(6000);
    const good = await made(['count<100']);
    expect(good.result).toMatchObject({ exitCode: EXIT.ok, crossed: [] });
  });

  it('checks and groups are counted where they stand', async () => {
    const ran = await runScript(() => ({
      options: { thresholds: { 'checks{group:::outer::inner}': ['rate>0.4'] } },
      default: async () => {
        expect(check(3, { 'is 3': (value) => value === 3 })).toBe(true);
        await group('outer', async () => {
          expect(check(3, { 'is 4': (value) => value === 4 })).toBe(false);
          group('inner', () => check(1, { good: () => true, bad: () => false }));
          await sleep(2);
        });
      },
    }));
    const { root } = ran.run.checks;
    expect(root.checks).toMatchObject([{ name: 'is 3', passes: 1, fails: 0, path: '::is 3' }]);
    expect(root.groups[0]).toMatchObject({ name: 'outer', checks: [{ name: 'is 4', passes: 0, fails: 1 }] });
    expect(root.groups[0]!.groups[0]).toMatchObject({ path: '::outer::inner', checks: [{ passes: 1 }, { fails: 1 }] });
    expect(ran.result.exitCode).toBe(EXIT.ok);
    expect(ran.run.registry.get('group_duration')!.sink.figure('max', 1)).toBe(2000);
  });

  it('samples carry scenario, tags and group', async () => {
    const ran = await runScript(() => {
      const lag = new Trend('lag', true);
      return {
        options: {
          tags: { run: 'r' },
          scenarios: { s: { executor: 'per-vu-iterations', tags: { kind: 'k' } } },
          thresholds: { 'lag{scenario:s,kind:k,run:r,hop:up}': ['max<3'], 'lag{kind:other}': ['max<0'] },
        },
        default: () => {
          lag.add(1);
          lag.add(2, { hop: 'up' });
        },
      };
    });
    const [up, other] = ran.run.registry.get('lag')!.submetrics;
    expect([up!.sink.figure('count', 1), other!.sink.empty]).toEqual([1, true]);
  });
});

describe('sleep', () => {
  it('that nobody awaits keeps the pace of a script that blocks, and says so once', async () => {
    const ran = await runScript(() => ({
      options: { vus: 2, duration: '10s' },
      default: () => {
        void sleep(1);
        void sleep(1.5);
      },
    }));
    expect(count(ran, 'iterations')).toBe(8);
    expect(ran.log).toEqual([expect.stringContaining('sleep() was not awaited')]);
  });

  it('in parallel is parallel; one that lost a race does not hold the iteration', async () => {
    const ran = await runScript(() => ({
      default: async () => {
        await Promise.all([sleep(1), sleep(2)]);
        await Promise.race([sleep(1), sleep(60)]);
      },
    }));
    expect(ran.result.durationMs).toBe(3000);
    expect(ran.log).toEqual([]);
  });
});
