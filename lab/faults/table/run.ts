import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from './fault.ts';
import { promised } from './fault.ts';
import { controls, faults } from './list.ts';
import { type FaultResult, Stage } from './stage.ts';

export interface TableOptions {
  /** Names, or parts of them. Empty: all, with the controls. */
  only: readonly string[];
}

export interface TableResult {
  passed: boolean;
  ran: number;
  kept: number;
  faults: FaultResult[];
  /** Promises broken on purpose: each must be found broken. */
  controls: FaultResult[];
  /** `NAME: REASON` */
  skipped: string[];
  seconds: number;
}

const BETWEEN_MS = 200;
/** Far more than any fault takes: whoever waits for an answer that never comes must not hold up the others. */
const MOST_MS = 180_000;

/** Each against a relay process of its own, under the load of `Load`. */
export async function runTable({ only }: TableOptions, log: (text: string) => void): Promise<TableResult> {
  const since = performance.now();
  const wanted = (fault: Fault) => only.length === 0 || only.some((part) => fault.name.includes(part));
  const skipped: string[] = [];
  const run = async (list: readonly Fault[]) => {
    const results: FaultResult[] = [];
    for (const fault of list.filter(wanted)) {
      const reason = await fault.cannot?.();
      if (reason !== undefined) {
        log(`SKIPPED ${fault.name}: ${reason}`);
        skipped.push(`${fault.name}: ${reason}`);
        continue;
      }
      const result = await runFault(fault);
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

/** A run that itself failed is a broken promise: nothing was shown. */
async function runFault(fault: Fault): Promise<FaultResult> {
  const stage = await Stage.start(fault).catch((error: Error) => error);
  if (stage instanceof Error) return failed(fault, stage);
  const late = AbortSignal.timeout(MOST_MS);
  const over = new Promise<never>((_, reject) => {
    late.addEventListener('abort', () => reject(new Error(`not over after ${MOST_MS / 1000} s`)));
  });
  try {
    return await Promise.race([stage.run(fault), over]);
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
    ...{ load_held: 0, viewers_kept: 0, sessions_ended: 0, still_ms: 0, seconds: 0 },
    lag_p99_ms: { before: 0, during: null, after: 0 },
    gifts: { given: 0, acked: 0, refused: 0, unanswered: 0, lost: 0, doubled: 0, reordered: 0, undelivered: 0 },
    comments: { sent: 0, taken: 0 },
  };
}
