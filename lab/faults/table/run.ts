import { setTimeout as sleep } from 'node:timers/promises';
import { Sleepers } from '../../lib/sleepers.ts';
import type { Fault } from './fault.ts';
import { lagAlone, promised } from './fault.ts';
import { controls, faults } from './list.ts';
import { type FaultResult, Stage } from './stage.ts';

export interface TableOptions {
  /** Names, or parts of them. Empty: all, with the controls. */
  only: readonly string[];
}

/** A run that the machine itself spoilt. */
type Try = Pick<FaultResult, 'broken' | 'machine_late_ms'>;

/** The last run of a fault, and those before it. */
export type TriedFault = FaultResult & { before: Try[] };

export interface TableResult {
  passed: boolean;
  ran: number;
  kept: number;
  faults: TriedFault[];
  /** Promises broken on purpose: each must be found broken. */
  controls: TriedFault[];
  /** `NAME: REASON` */
  skipped: string[];
  seconds: number;
}

const BETWEEN_MS = 200;
/**
 * Where the machine itself stood still for longer, a lag that was too much says nothing of the relay, and the fault is run
 * again: so often at most in all.
 */
const LATE_MS = 10;
const MOST_TRIES = 4;
/** Far more than any fault takes: whoever waits for an answer that never comes must not hold up the others. */
const MOST_MS = 180_000;

/** Each against a relay process of its own, under the load of `Load`. */
export async function runTable(options: TableOptions, log: (text: string) => void): Promise<TableResult> {
  const sleepers = new Sleepers();
  try {
    return await runAll(options, sleepers, log);
  } finally {
    sleepers.close();
  }
}

async function runAll({ only }: TableOptions, sleepers: Sleepers, log: (text: string) => void): Promise<TableResult> {
  const since = performance.now();
  const wanted = (fault: Fault) => only.length === 0 || only.some((part) => fault.name.includes(part));
  const skipped: string[] = [];
  const run = async (list: readonly Fault[]) => {
    const results: TriedFault[] = [];
    for (const fault of list.filter(wanted)) {
      const reason = await fault.cannot?.();
      if (reason !== undefined) {
        log(`SKIPPED ${fault.name}: ${reason}`);
        skipped.push(`${fault.name}: ${reason}`);
        continue;
      }
      const result = await runFault(fault, sleepers, log);
      results.push(result);
      const verdict = result.passed === !fault.control ? 'ok' : 'FAILED';
      log(`${verdict} ${fault.name} (${result.seconds} s): ${result.measured}`);
      for (const why of result.broken) log(`   ${fault.control ? 'found' : 'broken'}: ${why}`);
      await sleep(BETWEEN_MS);
    }
    return results;
  };
  const results = await run(faults);
  const against = await run(controls);
  const kept = results.filter(({ passed }) => passed).length;
  return {
    passed: kept === results.length && against.every(({ passed }) => !passed) && results.length + against.length > 0,
    ran: results.length,
    kept,
    faults: results,
    controls: against,
    skipped,
    seconds: Math.round((performance.now() - since) / 1000),
  };
}

async function runFault(fault: Fault, sleepers: Sleepers, log: (text: string) => void): Promise<TriedFault> {
  const before: Try[] = [];
  for (;;) {
    const result = await tryFault(fault, sleepers);
    const { broken, machine_late_ms } = result;
    const again = lagAlone(broken) && machine_late_ms > LATE_MS && before.length < MOST_TRIES - 1 && !fault.control;
    if (!again) return { ...result, before };
    before.push({ broken, machine_late_ms });
    log(`again ${fault.name}: ${broken.join('; ')}, but the machine stood still for ${machine_late_ms} ms meanwhile`);
  }
}

/** A run that itself failed is a broken promise: nothing was shown. */
async function tryFault(fault: Fault, sleepers: Sleepers): Promise<FaultResult> {
  const stage = await Stage.start(fault).catch((error: Error) => error);
  if (stage instanceof Error) return failed(fault, stage);
  const late = AbortSignal.timeout(MOST_MS);
  const over = new Promise<never>((_, reject) => {
    late.addEventListener('abort', () => reject(new Error(`not over after ${MOST_MS / 1000} s`)));
  });
  try {
    return await Promise.race([stage.run(fault, sleepers), over]);
  } catch (error) {
    return failed(fault, error as Error);
  } finally {
    await stage.close();
  }
}

function failed(fault: Fault, error: Error): FaultResult {
  const { name, does } = fault;
  return {
    ...{ name, does, promised: promised(fault), measured: 'the run itself failed', passed: false },
    broken: [`the run itself failed: ${error.message}`],
    // A control must be found broken by what it measured.
    ...(fault.control && { control: true, passed: true }),
    ...{ load_held: 0, viewers_kept: 0, sessions_ended: 0, still_ms: 0, machine_late_ms: 0, seconds: 0 },
    lag_p99_ms: { before: 0, during: null, after: 0 },
    gifts: { given: 0, acked: 0, refused: 0, unanswered: 0, lost: 0, doubled: 0, reordered: 0, undelivered: 0 },
    comments: { sent: 0, taken: 0 },
  };
}
