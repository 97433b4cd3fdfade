import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hayate } from './processes.ts';

/** A line of `hayate watch --json`. */
interface FrameLine {
  event: 'frame';
  slot: number;
  sequence: number;
  captureUs: number;
  receivedUs: number;
  lagMs: number;
  uncertaintyMs: number;
  face: boolean;
  values: number[];
}

/** A line of `hayate publish --log`. */
interface SentLine {
  kind: 'motion' | 'voice';
  sequence: number;
  captureUs: number;
}

/** The last line of `hayate watch --json`. */
interface SummaryLine {
  event: 'summary';
  /** Motion units. */
  received: number;
}

export interface PairRun {
  frames: FrameLine[];
  /** Capture time by sequence, us of the host's monotonic clock, as the publisher stamped it. */
  captured: Map<number, number>;
  summary: SummaryLine;
}

export interface PairOptions {
  stateDir: string;
  room: string;
  file: string;
  /** Of the recording; the whole one when absent. */
  seconds?: number;
  publishLink?: string;
  watchLink?: string;
}

/** `hayate watch` and `hayate publish` of one recording in one room: what was sent and what came. */
export async function publishAndWatch(options: PairOptions): Promise<PairRun> {
  const dir = mkdtempSync(join(tmpdir(), 'hayate-pair-'));
  const common = ['--room', options.room, '--state-dir', options.stateDir];
  const link = (profile: string | undefined) => (profile ? ['--link', profile] : []);
  const viewer = hayate(['watch', ...common, '--json', '--wait', '60', ...link(options.watchLink)]);
  try {
    await viewer.line(/"event":"ready"/, 30_000);
    const log = join(dir, 'sent.jsonl');
    const seconds = options.seconds ? ['--seconds', String(options.seconds)] : [];
    const publisher = hayate([
      'publish',
      options.file,
      ...common,
      '--log',
      log,
      ...seconds,
      ...link(options.publishLink),
    ]);
    const code = await publisher.exited;
    if (code !== 0) throw new Error(`publish ended with ${code}: ${publisher.stderr.slice(-5).join(' ')}`);
    // The slot's end reaches the viewer after its last unit, but repeats and jitter need a moment.
    await new Promise((resolve) => setTimeout(resolve, 500));
    await viewer.stop('SIGINT');
    const lines = viewer.stdout
      .filter((l) => l.startsWith('{'))
      .map((l) => JSON.parse(l) as FrameLine | SummaryLine | { event: 'ready' });
    const sent = readFileSync(log, 'utf8')
      .trim()
      .split('\n')
      .map((l) => JSON.parse(l) as SentLine);
    const summary = lines.find((l) => l.event === 'summary');
    if (!summary) throw new Error(`watch printed no summary: ${viewer.stderr.slice(-5).join(' ')}`);
    return {
      frames: lines.filter((l) => l.event === 'frame'),
      captured: new Map(sent.filter((s) => s.kind === 'motion').map((s) => [s.sequence, s.captureUs])),
      summary,
    };
  } finally {
    await viewer.stop('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  }
}
