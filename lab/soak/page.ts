import type { ClaimResult } from '../claims/claim.ts';
import { stallsText } from '../lib/machine-stalls.ts';
import {
  disturbed,
  type Grower,
  type Growth,
  LAG_MORE_MS,
  LATE_SHARE,
  LEAST_CALM,
  LIMITS,
  median,
  NO_CORE_SHARE,
  WARM,
  WINDOWS,
} from './judge.ts';
import { LOAD } from './load.ts';
import { FDS_MORE, type SoakResult } from './result.ts';
import { GAUGES, type Sample, type Where } from './sampler.ts';

/** As claim operations.5 keeps it. */
export interface LastSoak {
  claim: ClaimResult;
  /** Undefined: the run itself failed, before the long part was over. */
  soak: SoakResult | undefined;
}

/** As the claim's figure `controls` has it: by the leak that was put in. */
type Controls = Record<string, Pick<SoakResult['growth'], 'heap_mb' | 'fds'>>;

const ROWS = 12;

const NAMES: Record<Grower, string> = {
  heap_mb: 'JavaScript heap, garbage collected, MB',
  external_mb: 'buffers outside the heap, MB',
  rss_mb: 'resident memory, MB',
  fds: 'file descriptors',
  threads: 'threads',
};

const percent = (share: number) => `${Number((share * 100).toFixed(1))} %`;
const verdict = (ok: boolean) => (ok ? 'kept' : '**grew**');
const row = (cells: readonly unknown[]) => `| ${cells.join(' | ')} |`;
/** What JSON has no number for was not measured. */
const figure = (value: number | null) =>
  value === null || Number.isNaN(value) ? 'not measured' : String(Number(value.toFixed(2)));
const listed = (counts: Readonly<Record<string, number>>) =>
  Object.entries(counts)
    .map(([name, n]) => `${name} ${n}`)
    .join(', ') || 'none';

/** The text of docs/soak.md. */
export function page(last: LastSoak | undefined): string {
  const lines = ['# Soak: two hours of joins and leaves', '', ...method(), '## Last run', '', ...ran(last)];
  return `${lines.join('\n').trimEnd()}\n`;
}

function method(): string[] {
  const { rooms, visits, stayS, full, fallback, comments, gifts } = LOAD;
  return [
    'Made by `node lab/soak/docs.ts` from the last result of `npm run claims -- operations.5` (lab/results); do not edit. A test compares',
    'them. `npm run lab -- soak --minutes 10` is the same program for as long as one likes; `--leak heap` and `--leak fds` put a leak in.',
    '',
    `One relay process with ${rooms} standing rooms, a liver with face and voice in each. Visitors come at ${visits} a second and stay ${stayS} s in the mean, so`,
    `about ${Math.round(visits * stayS)} are there at once; ${percent(full)} use the SDK, another ${percent(fallback)} the SDK over WebSocket, the others are sessions without it. Beside them ${comments} comments and`,
    `${gifts} gift a second, with a witness of all gifts in each room and a backend that gifts are delivered to; each ${LOAD.liverOffEachS} s a liver goes off for ${LOAD.liverOffS} s;`,
    `each ${LOAD.passingEachS} s a room begins, has ${LOAD.passingViewers + 1} viewers and a gift, and ends after ${LOAD.passingS} s; each ${LOAD.doomedEachS} s a process with a liver and ${LOAD.doomedViewers + 2} viewers is killed.`,
    'Then everybody leaves, and nothing may be left.',
    '',
    '## How it is judged',
    '',
    `- **Growth**: the first ${percent(WARM)} of the run warm up. Of the rest, the least value of each of ${WINDOWS} windows is what is always there; the slope`,
    '  through these is the median over all pairs (Theil and Sen), so that a few outliers move nothing. Over the judged time it may come to:',
    ...Object.entries(LIMITS).map(
      ([name, { perHour, least }]) =>
        `  - ${NAMES[name as Grower]}: ${perHour} an hour, or ${least} where that is more`,
    ),
    `- **Lag**, from capture to arrival at a probe that nothing is held for, one in each room: the median of the intervals’ 99th percentiles in the last`,
    `  quarter may be ${LAG_MORE_MS} ms above that of the first. Intervals are left out in which the machine was late: a process on each core that only`,
    `  sleeps woke late by over ${percent(LATE_SHARE)} of the time, or the engines of relay and clients were ready to run and had no core for over ${percent(NO_CORE_SHARE)}.`,
    `  Where less than ${percent(LEAST_CALM)} of a quarter are left (virtual machines that are slow to wake a core are late in all), its calmest ${percent(LEAST_CALM)} are`,
    '  taken, and nothing is said where the machine was later in the one quarter than in the other.',
    '- **Gifts**: what givers were told, what the witnesses saw, the ledger and what the backend got are compared, one by one.',
    `- **The end**: ${Object.keys(GAUGES).length} gauges of \`/metrics\`, the engine’s own counts among them, are what they were before anybody came; at most ${FDS_MORE} file`,
    '  descriptors are more: databases and sockets that are opened at first use and stay.',
    '- **Controls**: runs of two minutes, by the same measure: nothing is found where nothing leaks, a leak of 100 kB or of one file descriptor a second is.',
    '',
  ];
}

function ran(last: LastSoak | undefined): string[] {
  if (!last) return ['Not run yet.'];
  const { claim, soak } = last;
  const { machine: m, load } = claim;
  const lines = [
    `${claim.passed ? (claim.skipped.length > 0 ? 'Passed in part' : 'Passed') : '**Falls short**'}: ${claim.at.slice(0, 16).replace('T', ' ')} UTC, commit ${claim.commit}, ` +
      `${m.cores} cores of ${m.cpu}, ${m.memoryGiB} GiB, kernel ${m.kernel}, Node ${m.node}, load ${load.before[0]} before and ${load.after[0]} after; ${stallsText(claim.stalls)}.`,
    '',
    ...claim.skipped.map((reason) => `- SKIPPED ${reason}`),
    ...(claim.notes ?? []).map((note) => `- Falls short: ${note}`),
  ];
  if (lines.at(-1) !== '') lines.push('');
  if (!soak) return lines;
  return [...lines, ...measured(soak), ...controls(claim.figures['controls'] as Controls | undefined)];
}

function measured(soak: SoakResult): string[] {
  const { growth, lag, gifts, end, load, cpu, minutes, interval_s: intervalS, samples } = soak;
  return [
    `${minutes} minutes in ${samples.length} intervals of ${intervalS} s. The relay took ${cpu.relay} of a core in the mean, those who came ${cpu.clients}.`,
    `What came and went: ${listed(load).replaceAll('_', ' ')}.`,
    '',
    '![Memory, handles and lag over the time](soak.svg)',
    '',
    'Grey ground: warming up. The axis of the resident memory does not begin at 0; lags above 100 ms stand at the edge.',
    '',
    '### Memory and handles',
    '',
    row(['', 'grown over the judged time', 'an hour', 'limit', '']),
    row(['---', '---', '---', '---', '---']),
    ...Object.entries(growth).map(([name, { grown, perHour, limit, ok }]) =>
      row([NAMES[name as Grower], figure(grown), figure(perHour), limit, verdict(ok)]),
    ),
    '',
    ...overTime(samples, intervalS),
    ...whereItIs(samples, intervalS),
    '### Lag',
    '',
    row(['', 'p50, ms', 'p99, ms', 'intervals']),
    row(Array(4).fill('---')),
    row(['first quarter', figure(lag.first.p50), figure(lag.first.p99), lag.first.intervals]),
    row(['last quarter', figure(lag.last.p50), figure(lag.last.p99), lag.last.intervals]),
    '',
    `${lag.unknown === undefined ? (lag.ok ? 'Kept' : '**Grew**') : `Nothing can be said: ${lag.unknown}`}. The machine was late in ${lag.disturbed} of ${lag.intervals} intervals.`,
    '',
    '### Gifts',
    '',
    row([
      'given',
      'acked',
      'refused',
      'lost',
      'doubled',
      'out of order',
      'not delivered to the backend',
      'with a wrong signature',
    ]),
    row(Array(8).fill('---')),
    row([
      gifts.given,
      gifts.acked,
      listed(gifts.refused),
      gifts.lost,
      gifts.doubled,
      gifts.reordered,
      gifts.webhook_missing,
      gifts.forged,
    ]),
    '',
    '### When everybody has left',
    '',
    ...left(end),
  ];
}

/** Equal parts of the run, each by medians. */
function overTime(samples: readonly Sample[], intervalS: number): string[] {
  const { parts, minutes } = inParts(samples, intervalS);
  return [
    row([
      'minutes',
      'resident MB',
      'heap MB',
      'file descriptors',
      'threads',
      'connections',
      'streams',
      'timers',
      'lag p50 / p99 ms',
      'machine late',
    ]),
    row(Array(10).fill('---')),
    ...parts.map((part) => {
      const calm = part.filter((sample) => !disturbed(sample, intervalS));
      const mid = (name: Exclude<keyof Sample, 'where_mb'>, of = part) =>
        figure(median(of.map((sample) => sample[name]).filter((value) => value !== null)));
      return row([
        minutes(part),
        ...(['rss_mb', 'heap_mb', 'fds', 'threads', 'connections', 'streams', 'timers'] as const).map((name) =>
          mid(name),
        ),
        `${mid('lag_p50_ms', calm.length > 0 ? calm : part)} / ${mid('lag_p99_ms', calm.length > 0 ? calm : part)}`,
        `${part.length - calm.length} of ${part.length}`,
      ]);
    }),
    '',
    'Medians; lag of the intervals in which the machine was not late, where there are any.',
    '',
  ];
}

/** What the resident memory is of, over the same parts. */
function whereItIs(samples: readonly Sample[], intervalS: number): string[] {
  const { parts, minutes } = inParts(samples, intervalS);
  const read = (part: readonly Sample[]) => part.filter(({ where_mb }) => where_mb);
  if (parts.every((part) => read(part).length === 0)) return [];
  return [
    row([
      'minutes',
      'program and libraries',
      'heap with its free space',
      'of that, code',
      'heaps of other threads',
      'rest',
    ]),
    row(Array(6).fill('---')),
    ...parts.map((part) => {
      const mid = (of: (mb: Where, sample: Sample) => number) =>
        figure(median(read(part).map((sample) => of(sample.where_mb!, sample))));
      return row([
        minutes(part),
        mid(({ files }) => files),
        mid(({ heap }) => heap),
        mid(({ code }) => code),
        mid(({ workers }) => workers),
        mid(({ files, heap, workers }, { rss_mb }) => rss_mb - files - heap - workers),
      ]);
    }),
    '',
    'MB of the resident memory, medians. The rest is the engine’s, the databases’ and other allocations outside JavaScript.',
    '',
  ];
}

/** The run in equal parts. */
function inParts(samples: readonly Sample[], intervalS: number) {
  const size = Math.max(1, Math.ceil(samples.length / ROWS));
  const parts = Array.from({ length: Math.ceil(samples.length / size) }, (_, n) =>
    samples.slice(n * size, (n + 1) * size),
  );
  const minute = (at: number) => Number(((at * size * intervalS) / 60).toFixed(1));
  const minutes = (part: Sample[]) => `${minute(parts.indexOf(part))} to ${minute(parts.indexOf(part) + 1)}`;
  return { parts, minutes };
}

function left({ standing, idle, zero_after_s, fds, heap_mb, resources, exit_code }: SoakResult['end']): string[] {
  const back =
    Object.keys(standing).length === 0
      ? `All ${Object.keys(GAUGES).length} gauges were back after ${zero_after_s} s (a killed session is noticed after 15 s, its place is kept for 5 more).`
      : `**Not back** after ${zero_after_s} s: ${listed(standing)}.`;
  return [
    `${back} Of the relay itself, as before anybody came: ${listed(idle)}.`,
    '',
    row(['', 'before', 'after']),
    row(['---', '---', '---']),
    row(['file descriptors', fds.before, fds.after]),
    row(['heap, MB (before: with the standing rooms)', heap_mb.before, heap_mb.after]),
    row(['handles of JavaScript (the same)', listed(resources.before), listed(resources.after)]),
    row(['exit code', '', exit_code]),
    '',
  ];
}

function controls(found: Controls | undefined): string[] {
  if (!found) return [];
  const cell = ({ grown, limit, ok }: Growth) => `${figure(grown)} of ${limit}: ${ok ? 'none' : 'a leak'}`;
  return [
    '### Controls',
    '',
    row(['run', 'heap, MB: grown of limit', 'file descriptors: grown of limit']),
    row(['---', '---', '---']),
    ...Object.entries(found).map(([name, { heap_mb, fds }]) => row([name, cell(heap_mb), cell(fds)])),
  ];
}
