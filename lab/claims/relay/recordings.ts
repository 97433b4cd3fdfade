import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createFaceDecoder, faceConfig, parseLiveLinkCsv } from '@hayate/codec/motion';
import { root } from '../../lib/processes.ts';
import { type PairRun, publishAndWatch } from '../../lib/recording-pair.ts';
import { type RelayProcess, startRelayProcess } from '../../lib/relay-process.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';

const recordings = join(root, '..', 'shared', 'data', 'motion');

const round = (value: number, digits = 2) => Number(value.toFixed(digits));
const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / Math.max(1, values.length);

function percentile(values: number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) * q)] ?? Number.NaN;
}

/** Against the publisher's own log: both processes stamp with the host's monotonic clock. */
function truth(run: PairRun) {
  const rows = run.frames.flatMap((f) => {
    const captureUs = run.captured.get(f.sequence);
    return captureUs === undefined ? [] : [{ frame: f, trueMs: (f.receivedUs - captureUs) / 1000 }];
  });
  const inside = rows.filter(({ frame, trueMs }) => Math.abs(frame.lagMs - trueMs) <= frame.uncertaintyMs).length;
  return {
    sent: run.captured.size,
    // A lost unit takes the frames until the next key with it: they arrive and are not shown.
    units_arrived: run.summary.received,
    lost_ratio: round(1 - run.summary.received / run.captured.size, 4),
    frames_shown: rows.length,
    estimate_ms: round(mean(rows.map((r) => r.frame.lagMs))),
    true_ms: round(mean(rows.map((r) => r.trueMs))),
    error_ms: round(mean(rows.map((r) => r.frame.lagMs - r.trueMs))),
    uncertainty_ms: round(mean(rows.map((r) => r.frame.uncertaintyMs))),
    true_lag_ms: {
      p50: round(
        percentile(
          rows.map((r) => r.trueMs),
          0.5,
        ),
      ),
      p99: round(
        percentile(
          rows.map((r) => r.trueMs),
          0.99,
        ),
      ),
    },
    inside_uncertainty_ratio: round(inside / Math.max(1, rows.length), 4),
  };
}

/** Every frame of a recording arrives, each value within a quantiser step. */
function compare(file: string, run: PairRun) {
  const frames = [...parseLiveLinkCsv(readFileSync(file, 'utf8').split('\n'))];
  const tolerance = createFaceDecoder(faceConfig({ fps: 30 })).tolerance;
  let missing = 0;
  let outside = 0;
  let worst = 0;
  const bySequence = new Map(run.frames.map((f) => [f.sequence, f]));
  frames.forEach(({ frame }, sequence) => {
    const got = bySequence.get(sequence);
    if (!got) {
      missing += 1;
      return;
    }
    if (got.face !== frame.face) outside += 1;
    if (!frame.face) return;
    frame.values.forEach((value, channel) => {
      const steps = Math.abs(got.values[channel]! - value) / tolerance[channel]!;
      worst = Math.max(worst, steps);
      // `watch --json` prints five decimals.
      if (Math.abs(got.values[channel]! - value) > tolerance[channel]! + 1e-5) outside += 1;
    });
  });
  return { frames: frames.length, missing, values_outside: outside, worst_error_in_steps: round(worst, 3) };
}

async function whole(checks: Checks, relay: RelayProcess): Promise<void> {
  const files = readdirSync(recordings).filter((f) => f.endsWith('.csv'));
  await Promise.all(
    files.map(async (name) => {
      const file = join(recordings, name);
      const run = await publishAndWatch({ stateDir: relay.stateDir, room: basename(name, '.csv'), file });
      const found = { ...compare(file, run), ...truth(run) };
      checks.figure(name, found);
      checks.check(
        found.frames > 0 && found.missing === 0,
        `${name}: ${found.missing} of ${found.frames} frames missing`,
      );
      checks.check(found.values_outside === 0, `${name}: ${found.values_outside} values beyond a step`);
      checks.check(found.inside_uncertainty_ratio > 0.999, `${name}: true lag outside the printed uncertainty`);
    }),
  );
}

/** No time is spent on fewer packets and no unit is repaired: what comes is what the link did. */
const BARE = ['--rooms-budget-ms', '20', '--rooms-viewer-repair-bytes', '0', '--rooms-room-repair-bytes', '0'];

async function links(checks: Checks, relay: RelayProcess): Promise<void> {
  const file = join(recordings, 'facial.csv');
  const base = { stateDir: relay.stateDir, file, seconds: 40 };
  const far = { up: 'delay=10', down: 'delay=60' };
  const [even, out, back] = await Promise.all([
    publishAndWatch({ ...base, room: 'even', watchLink: 'delay=35,jitter=5,loss=2%,seed=5' }),
    // The viewer's media comes by its slow direction ...
    publishAndWatch({ ...base, room: 'far-viewer', watchLink: `up:${far.up};down:${far.down}` }),
    // ... or the publisher's media leaves by it.
    publishAndWatch({ ...base, room: 'far-liver', publishLink: `up:${far.down};down:${far.up}` }),
  ]);
  const e = truth(even);
  checks.figure('link 35 +- 5 ms, 2 % loss each way', e);
  // Jitter that never overtakes raises the mean a little: packets wait for a slower one before them.
  checks.check(Math.abs(e.true_ms - 35) < 4, `mean true lag ${e.true_ms} ms instead of 35`);
  checks.check(Math.abs(e.estimate_ms - e.true_ms) <= e.uncertainty_ms, 'estimate outside the uncertainty');
  const sigma = Math.sqrt((0.02 * 0.98) / e.sent);
  checks.check(
    Math.abs(e.lost_ratio - 0.02) < 4 * sigma,
    `loss ${e.lost_ratio} instead of 0.02 +- ${round(4 * sigma, 4)}`,
  );
  for (const [name, run] of [
    ['60 ms to the viewer, 10 ms back', out],
    ['60 ms from the liver, 10 ms back', back],
  ] as const) {
    const t = truth(run);
    checks.figure(name, t);
    checks.check(Math.abs(t.true_ms - 60) < 4, `${name}: true lag ${t.true_ms} ms`);
    checks.check(Math.abs(t.error_ms) > 15, `${name}: an error of ${t.error_ms} ms: the asymmetry did not act`);
    checks.check(t.inside_uncertainty_ratio > 0.999, `${name}: true lag outside the printed uncertainty`);
  }
}

async function run(context: ClaimContext) {
  const checks = new Checks();
  if (!existsSync(recordings)) {
    checks.skip('no recordings: ../shared/data/motion is not beside this checkout');
    return checks.outcome();
  }
  context.log('every recording, in real time, in rooms of their own (135 s)');
  await withRelay([], (relay) => whole(checks, relay));
  context.log('emulated links, with holding and repair off (40 s)');
  await withRelay(BARE, (relay) => links(checks, relay));
  return checks.outcome();
}

async function withRelay(flags: string[], work: (relay: RelayProcess) => Promise<void>): Promise<void> {
  const stateDir = mkdtempSync(join(tmpdir(), 'hayate-recordings-'));
  const relay = await startRelayProcess(stateDir, flags);
  try {
    await work(relay);
  } finally {
    await relay.stop();
    rmSync(stateDir, { recursive: true, force: true });
  }
}

export const realRecordings: Claim = {
  id: 'relay.2',
  title:
    'Each recording through publish and watch: every frame arrives on loopback within the quantiser step; over an emulated link lag and loss come out as set; on 60 ms out and 10 ms back the true lag lies inside the printed uncertainty',
  seconds: 190,
  run,
};
