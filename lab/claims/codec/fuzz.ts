import { createFaceDecoder, type MotionConfig, type MotionDecoder } from '@hayate/codec/motion';
import type { FuzzMessage, FuzzTask } from '@hayate/codec/testing/fuzz-worker';
import {
  MotionFuzz,
  type MotionFuzzReport,
  type Mutation,
  type MutationCounts,
} from '@hayate/codec/testing/motion-fuzz';
import { runWorker } from '@hayate/codec/testing/worker';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';

const UNITS = 10_000_000;
const THREADS = 2;
const SEED = 20_260_101;
/** Units between two looks at the heap, each after a collection. */
const EVERY = 250_000;
const LOG_MS = 10_000;
/** Longest decode, when what took long once is decoded nine times more; a unit has 94 symbols at most. */
const REPEATED_US = 1000;
const HEAP_GROWTH_BYTES = 1_000_000;

interface ThreadRun {
  report: MotionFuzzReport;
  /** After each EVERY units. */
  heap: number[];
}

async function runThreads(context: ClaimContext): Promise<ThreadRun[]> {
  const done = Array.from({ length: THREADS }, () => 0);
  const since = performance.now();
  const timer = setInterval(() => {
    const units = done.reduce((a, b) => a + b, 0);
    context.log(
      `${(units / 1e6).toFixed(2)} of ${UNITS / 1e6} million units, ${Math.round((performance.now() - since) / 1000)} s`,
    );
  }, LOG_MS);
  try {
    return await Promise.all(
      done.map(async (_, thread) => {
        const heap: number[] = [];
        const task: FuzzTask = { seed: SEED + thread, count: UNITS / THREADS, every: EVERY };
        const last = await runWorker<FuzzMessage>('fuzz-worker.ts', task, (message) => {
          if (!('done' in message)) return;
          done[thread] = message.done;
          heap.push(message.heapBytes);
        });
        if (!('report' in last)) throw new Error('a thread ended without a report');
        return { report: last.report, heap };
      }),
    );
  } finally {
    clearInterval(timer);
  }
}

function sumKinds(reports: MotionFuzzReport[]): [Mutation, MutationCounts][] {
  const kinds = Object.keys(reports[0]!.kinds) as Mutation[];
  return kinds.map((kind) => {
    const sum: MutationCounts = { units: 0, malformed: 0, valid: 0, waiting: 0 };
    for (const { kinds: each } of reports) {
      for (const name of Object.keys(sum) as (keyof MutationCounts)[]) sum[name] += each[kind][name];
    }
    return [kind, sum];
  });
}

const share = (part: number, of: number) => Math.round((part / of) * 10_000) / 10_000;
const total = (values: number[]) => values.reduce((a, b) => a + b, 0);

/** Decoders that do wrong: a run that finds no fault in them checks nothing. */
const WRONG: Record<string, (decoder: MotionDecoder) => void> = {
  'a channel one step out of range': (decoder) => {
    const decode = decoder.decode.bind(decoder);
    decoder.decode = (...unit) => {
      const result = decode(...unit);
      if ('frame' in result) result.frame.values[17] = 1.27;
      return result;
    };
  },
  'an exception for what is malformed': (decoder) => {
    const decode = decoder.decode.bind(decoder);
    decoder.decode = (...unit) => {
      const result = decode(...unit);
      if (result.kind === 'malformed') throw new Error(result.reason);
      return result;
    };
  },
};

function controls(checks: Checks): void {
  for (const [name, spoil] of Object.entries(WRONG)) {
    const createDecoder = (config: MotionConfig) => {
      const decoder = createFaceDecoder(config);
      spoil(decoder);
      return decoder;
    };
    const fuzz = new MotionFuzz({ seed: SEED, createDecoder });
    fuzz.run(1000);
    checks.figure(`control: ${name}`, { faults_found: fuzz.report.faults.length });
    checks.check(fuzz.report.faults.length > 0, `${name}: no fault was found`);
  }
}

async function run(context: ClaimContext) {
  const checks = new Checks();
  controls(checks);
  context.log(`${UNITS} mutated units on ${THREADS} threads`);
  const before = process.memoryUsage().rss;
  const runs = await runThreads(context);
  const reports = runs.map(({ report }) => report);
  const units = total(reports.map((each) => each.units));
  checks.figure('mutated units', units);
  checks.check(units >= UNITS, `only ${units} units`);
  for (const { faults } of reports) for (const fault of faults) checks.check(false, fault);
  checks.figure('faults', total(reports.map(({ faults }) => faults.length)));

  const kinds = sumKinds(reports);
  for (const [kind, { units: count, malformed, valid, waiting }] of kinds) {
    checks.figure(kind, { units: count, malformed: share(malformed, count), some_valid_pose: share(valid, count) });
    checks.check(malformed > 0 && valid > 0 && waiting > 0, `${kind}: not every result occurs`);
  }
  checks.figure('of all', {
    malformed: share(total(kinds.map(([, each]) => each.malformed)), units),
    some_valid_pose: share(total(kinds.map(([, each]) => each.valid)), units),
    note: 'units have no checksum: QUIC authenticates them',
  });
  checks.figure('good units between them, each as the encoder meant it', total(reports.map((each) => each.unharmed)));
  checks.figure('concealed poses', total(reports.map((each) => each.concealed)));

  const repeated = Math.max(...reports.map((each) => each.max_repeated_us));
  checks.figure('us a unit', {
    mean: Math.round(total(reports.map((each) => each.us_per_unit)) / THREADS),
    max: Math.round(Math.max(...reports.map((each) => each.max_us))),
    max_least_of_ten: Math.round(repeated),
  });
  checks.check(repeated < REPEATED_US, `a unit takes ${Math.round(repeated)} us each time`);

  const growth = runs.map(({ heap }) => heap.at(-1)! - heap[1]!);
  checks.figure('heap of a thread, bytes', {
    after_first: runs.map(({ heap }) => heap[1]!),
    last: runs.map(({ heap }) => heap.at(-1)!),
    growth,
    process_rss_growth: process.memoryUsage().rss - before,
  });
  for (const bytes of growth) checks.check(bytes < HEAP_GROWTH_BYTES, `the heap grew by ${bytes} bytes`);
  return checks.outcome();
}

export const codecFuzz: Claim = {
  id: 'codec.6',
  title:
    '10 million mutated units of face-1: only typed results, no exception, no channel out of range, no slow input, flat memory',
  seconds: 300,
  run,
};
