import { LagHistogram, type Room, type UnitCounts, type WatchedFrame, watch } from '@hayate/client';
import { HayateError } from '@hayate/codec/errors';
import type { LinkOptions } from '@hayate/engine';
import { Command } from 'commander';
import { openDialler } from '../connector.ts';
import { LINK_SYNTAX, parseLink } from '../link-profile.ts';
import { addTargetOptions, findTarget, type TargetOptions } from '../target.ts';
import { onInterrupt } from '../until.ts';
import { numberFrom, parsedBy } from '../usage.ts';

interface WatchCommandOptions extends TargetOptions {
  seconds?: number;
  wait: number;
  link?: LinkOptions;
  quiet?: true;
  json?: true;
}

export function watchCommand(): Command {
  const command = new Command('watch')
    .description('Watch a room: a line a frame with its one-way lag, then a summary.')
    .option('--seconds <n>', 'end so long after the first unit', numberFrom(0.1, 1e9))
    .option('--wait <seconds>', 'fail when nothing came after so long', numberFrom(0.1, 86_400), 10)
    .option('--link <profile>', 'emulated link of this process (engine only)', parsedBy(parseLink))
    .option('--quiet', 'the summary only')
    .option('--json', 'frames and summary as JSON lines')
    .addHelpText(
      'after',
      `\nLink profile: ${LINK_SYNTAX}; up:PROFILE;down:PROFILE for unlike directions.\n\nExample:\n  hayate watch --room demo --seconds 10 --json | jq .lagMs`,
    )
    .action(run);
  return addTargetOptions(command);
}

async function run(options: WatchCommandOptions): Promise<void> {
  const target = await findTarget(options, 'viewer');
  const dialler = openDialler({
    url: target.url,
    stateDir: options.stateDir,
    ...(options.link && { link: options.link }),
  });
  const interrupt = onInterrupt();
  const watcher = watch(target, { connector: dialler.connector, signal: interrupt.signal });
  // Whoever starts a publisher after this line sees its first frame.
  watcher.ready.then(
    () => options.json && process.stdout.write('{"event":"ready"}\n'),
    () => {},
  );
  const lag = new LagHistogram();
  const first = Promise.withResolvers<void>();
  let frames = 0;
  let voicePackets = 0;
  watcher.onFrame((frame) => {
    frames += 1;
    if (!frame.backlog) lag.record(frame.lagMs);
    if (!options.quiet) process.stdout.write(options.json ? jsonLine(frame) : textLine(frame));
    first.resolve();
  });
  watcher.onVoice(() => {
    voicePackets += 1;
    first.resolve();
  });
  const lost = watcher.room.closed.then((error) => {
    if (!interrupt.signal.aborted) throw error;
  });
  lost.catch(() => {});
  try {
    await Promise.race([first.promise, lost, nothingAfter(options.wait, watcher.room)]);
    await Promise.race([interrupt.wait(options.seconds), lost]);
    summarize(watcher.stats(), { frames, voicePackets }, lag, options.json === true);
  } finally {
    watcher.close();
    await dialler.close();
    interrupt.dispose();
  }
}

function nothingAfter(seconds: number, room: Room): Promise<never> {
  let trouble: HayateError | undefined;
  room.on('state', ({ error }) => {
    trouble = error;
  });
  return new Promise((_, reject) => {
    const fail = () => {
      const why =
        room.state === 'open' ? 'is anybody publishing?' : `${room.state}: ${trouble?.message ?? 'no answer'}`;
      reject(new HayateError('timeout', `nothing arrived within ${seconds} s: ${why}`, { cause: trouble }));
    };
    setTimeout(fail, seconds * 1000).unref();
  });
}

function jsonLine({
  slot,
  generation,
  sequence,
  frame,
  captureMs,
  receivedMs,
  lagMs,
  uncertaintyMs,
  backlog,
}: WatchedFrame): string {
  return `${JSON.stringify({
    event: 'frame',
    slot,
    generation,
    sequence,
    // CLOCK_MONOTONIC of this process; the capture time as estimated here.
    captureUs: Math.round(captureMs * 1000),
    receivedUs: Math.round(receivedMs * 1000),
    lagMs: round(lagMs),
    uncertaintyMs: round(uncertaintyMs),
    backlog,
    face: frame.face,
    values: Array.from(frame.values, (value) => Number(value.toFixed(5))),
  })}\n`;
}

function textLine({ slot, sequence, frame, captureMs, lagMs, uncertaintyMs }: WatchedFrame): string {
  const values = frame.face ? Array.from(frame.values, (value) => value.toFixed(2)).join(' ') : 'no face';
  const lag = `${lagMs.toFixed(2)} +- ${uncertaintyMs.toFixed(2)} ms`;
  return `${slot} #${sequence}  captured ${captureMs.toFixed(2)}  lag ${lag}  ${values}\n`;
}

const round = (ms: number) => Number(ms.toFixed(3));

function summarize(
  stats: {
    slots: Map<number, { motion: UnitCounts; voice: UnitCounts }>;
    dropped: Record<string, number>;
    rttMs: number | undefined;
  },
  shown: { frames: number; voicePackets: number },
  lag: LagHistogram,
  json: boolean,
): void {
  const totals = { received: 0, lost: 0, duplicate: 0, late: 0, undecodable: 0 };
  let uncertaintyMs = 0;
  let jitterMs = 0;
  for (const { motion } of stats.slots.values()) {
    for (const key of Object.keys(totals) as (keyof typeof totals)[]) totals[key] += motion[key];
    if (motion.received === 0) continue;
    uncertaintyMs = Math.max(uncertaintyMs, motion.uncertaintyMs);
    jitterMs = Math.max(jitterMs, motion.jitterMs);
  }
  const lagMs = { p50: round(lag.percentile(0.5)), p95: round(lag.percentile(0.95)), p99: round(lag.percentile(0.99)) };
  if (json) {
    const slots = [...stats.slots].map(([slot, kinds]) => ({ slot, ...kinds }));
    const fields = { ...shown, ...totals, lagMs, uncertaintyMs: round(uncertaintyMs), jitterMs: round(jitterMs) };
    process.stdout.write(
      `${JSON.stringify({ event: 'summary', ...fields, rttMs: stats.rttMs, dropped: stats.dropped, slots })}\n`,
    );
    return;
  }
  const { received, lost, duplicate, late, undecodable } = totals;
  process.stdout.write(
    [
      `${shown.frames} frames shown, ${shown.voicePackets} voice packets`,
      `motion units: ${received} received, ${lost} lost, ${duplicate} duplicate, ${late} late, ${undecodable} undecodable`,
      `lag p50 ${lagMs.p50}  p95 ${lagMs.p95}  p99 ${lagMs.p99} ms, +- ${uncertaintyMs.toFixed(2)} ms; jitter ${jitterMs.toFixed(2)} ms`,
      '',
    ].join('\n'),
  );
}
