import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PAGE, page } from './docs.ts';
import { holds, NAMES } from './fuzz.ts';
import { runTarget } from './guided/run-target.ts';
import { kept } from './kept.ts';
import { joined } from './save.ts';
import { PLANTED, TARGET_NAMES } from './targets/index.ts';

/** New inputs of each target: 20 000 in all. */
const INPUTS = 2000;
const CONTROL_INPUTS = 300_000;
const TASK = { seed: 5, seconds: Number.POSITIVE_INFINITY, corpus: [], learns: true, first: false };

it.each(TARGET_NAMES)(
  '%s: kept inputs, those that once broke it, and new ones',
  { timeout: 60_000 },
  async (target) => {
    const corpus = [...kept('typescript', 'corpus', target), ...kept('typescript', 'crashes', target)];
    const { crashes, report } = await runTarget({ ...TASK, target, corpus, inputs: INPUTS + corpus.length });
    expect(crashes).toEqual([]);
    expect(report.inputs).toBeGreaterThanOrEqual(INPUTS);
    // The files whose coverage leads are those that run.
    expect(report.corpus).toBeGreaterThan(3);
  },
);

describe('the loop', () => {
  it('finds a planted fault by coverage, and without it does not', { timeout: 60_000 }, async () => {
    const found = await runTarget({ ...TASK, target: PLANTED, inputs: CONTROL_INPUTS, first: true });
    expect(found.crashes.map(({ error }) => error)).toEqual(['Error: the planted fault']);
    const { inputs } = found.report;
    expect(inputs).toBeLessThan(CONTROL_INPUTS);
    const blind = await runTarget({ ...TASK, target: PLANTED, inputs, learns: false });
    expect([blind.report.inputs >= inputs, blind.crashes]).toEqual([true, []]);
  });

  it('a control that found nothing, or was found blindly, does not hold', () => {
    const control = { found_after: 5000, blind_inputs: 5000, blind_found: 0 };
    expect(holds(control)).toBe(true);
    expect(holds({ ...control, found_after: null })).toBe(false);
    expect(holds({ ...control, blind_found: 1 })).toBe(false);
  });
});

it('a run of some targets takes the place of what they found before, and of nothing else', () => {
  const found = (crashes: number) =>
    ({ language: 'rust', inputs: 10, seconds: 1, coverage: 1, corpus: 1, crashes }) as const;
  const run = (targets: Record<string, ReturnType<typeof found>>) => ({
    ...{ inputs: 0, crashes: 0, controls: {}, skipped: [] },
    targets,
  });
  const first = joined(undefined, run({ a: found(0), b: found(3) }), { command: 'all', at: '1', commit: 'x' });
  expect([first.inputs, first.crashes]).toEqual([20, 3]);
  const then = joined(first, run({ b: found(0) }), { command: 'b', at: '2', commit: 'y' });
  expect([then.inputs, then.crashes]).toEqual([20, 0]);
  expect(Object.entries(then.targets).map(([name, { command }]) => [name, command])).toEqual([
    ['a', 'all'],
    ['b', 'b'],
  ]);
});

it('every target has its share of a run, and the page has the last figures', () => {
  const own = NAMES.filter((name) => name.startsWith('typescript:')).map((name) => name.slice('typescript:'.length));
  expect(own.sort()).toEqual([...TARGET_NAMES].sort());
  const text = readFileSync(PAGE, 'utf8');
  expect(page(text)).toBe(text);
});
