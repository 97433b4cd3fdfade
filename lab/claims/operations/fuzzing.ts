import { fuzz, holds, NAMES } from '../../fuzz/fuzz.ts';
import type { FuzzResult } from '../../fuzz/result.ts';
import { keptFuzz } from '../../fuzz/save.ts';
import type { Checks } from '../claim.ts';

/** Of the long run, whose result is committed. */
const INPUTS = 20_000_000;
/** Of the run now. */
const SOME_INPUTS = 400_000;
const SOME_SECONDS = 120;
const LANGUAGES = ['rust', 'typescript'] as const;

function sound(checks: Checks, result: Pick<FuzzResult, 'crashes' | 'controls'>, what: string): void {
  checks.check(result.crashes === 0, `${what}: ${result.crashes} inputs broke something`);
  for (const language of LANGUAGES) {
    const control = result.controls[language];
    if (control) checks.check(holds(control), `${what}: the planted fault in ${language}: ${JSON.stringify(control)}`);
  }
}

/** The long run takes hours: its result is read. */
export function committedFuzz(checks: Checks): void {
  const result = keptFuzz();
  if (!result) {
    checks.check(false, 'no long run: npm run fuzz -- --save');
    return;
  }
  const { inputs, crashes, controls, targets } = result;
  const commands = [...new Set(Object.values(targets).map(({ command, commit }) => `${command} (${commit})`))];
  checks.figure('committed fuzz run', { commands, inputs, crashes, controls });
  for (const name of NAMES) checks.check(name in result.targets, `the long run had no ${name}`);
  checks.check(inputs >= INPUTS, `the long run had ${inputs} inputs of ${INPUTS}`);
  for (const language of LANGUAGES) checks.check(language in controls, `the long run had no control in ${language}`);
  sound(checks, result, 'the long run');
}

/** A part of it again, with the code as it is. */
export async function someFuzz(checks: Checks, log: (text: string) => void): Promise<void> {
  const seed = Math.floor(Date.now() / 1000);
  const result = await fuzz({
    inputs: SOME_INPUTS,
    seconds: SOME_SECONDS,
    jobs: 1,
    seed,
    only: [],
    keepCorpus: false,
    log,
  });
  checks.figure('fuzz again', { seed, inputs: result.inputs, crashes: result.crashes, controls: result.controls });
  for (const reason of result.skipped) checks.skip(reason);
  sound(checks, result, 'now');
}
