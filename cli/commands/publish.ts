import { createWriteStream, type WriteStream } from 'node:fs';
import { type Publisher, publish, type SentUnit } from '@hayate/client';
import { PROFILES, type Profile } from '@hayate/codec/motion';
import type { LinkOptions } from '@hayate/engine';
import { Command, Option } from 'commander';
import { openDialler } from '../connector.ts';
import { LINK_SYNTAX, parseLink } from '../link-profile.ts';
import { Pacer, type Track } from '../pacer.ts';
import { type Recording, readRecording, readVoice, Take, type Voice } from '../recording.ts';
import { addTargetOptions, findTarget, type TargetOptions } from '../target.ts';
import { onInterrupt } from '../until.ts';
import { numberFrom, parsedBy } from '../usage.ts';

/** What this process could not send in time is stale; the relay refuses it from 500 ms on. */
const STALE_US = 250_000;

interface PublishCommandOptions extends TargetOptions {
  loop?: true;
  voice?: string;
  hold: number;
  profile: Profile;
  link?: LinkOptions;
  seconds?: number;
  log?: string;
  json?: true;
}

export function publishCommand(): Command {
  const command = new Command('publish')
    .description('Publish a Live Link Face recording, paced by its own time codes.')
    .argument('<file.csv>', 'Live Link Face CSV')
    .option('--loop', 'again from the start, until a signal')
    .option('--voice <file.opus>', 'Ogg Opus that begins with the first frame')
    .option('--hold <ms>', 'motion waits so long for the next voice packet', numberFrom(0, 100), 0)
    .addOption(new Option('--profile <name>', 'how finely motion is coded').choices(PROFILES).default('std'))
    .option('--link <profile>', 'emulated link of this process (engine only)', parsedBy(parseLink))
    .option('--seconds <n>', 'end after so long', numberFrom(0.1, 1e9))
    .option('--log <file.jsonl>', 'a line a sent unit; captureUs is CLOCK_MONOTONIC')
    .option('--json', 'events as JSON lines on standard output')
    .addHelpText(
      'after',
      `\nLink profile: ${LINK_SYNTAX}; up:PROFILE;down:PROFILE for unlike directions.\n\nExample:\n  hayate publish --room demo face.csv --loop --link 'up:delay=60;down:delay=10'`,
    )
    .action(run);
  return addTargetOptions(command);
}

async function run(file: string, options: PublishCommandOptions): Promise<void> {
  const recording = readRecording(file);
  const voice = options.voice === undefined ? undefined : readVoice(options.voice);
  const target = await findTarget(options, 'liver');
  const dialler = openDialler({
    url: target.url,
    stateDir: options.stateDir,
    ...(options.link && { link: options.link }),
  });
  const interrupt = onInterrupt();
  const publisher = publish(target, {
    connector: dialler.connector,
    signal: interrupt.signal,
    motion: { fps: recording.fps, profile: options.profile },
    ...(voice && { voice: { channels: voice.channels, frameMs: voice.frameMs } }),
    holdMs: options.hold,
  });
  const log = options.log === undefined ? undefined : logSent(publisher, options.log);
  try {
    report(publisher, options.json === true);
    await publisher.ready;
    await play(publisher, recording, voice, options, interrupt.signal);
    await publisher.close();
  } finally {
    publisher.room.close();
    await dialler.close();
    await log?.close();
    interrupt.dispose();
  }
}

async function play(
  publisher: Publisher,
  recording: Recording,
  voice: Voice | undefined,
  options: PublishCommandOptions,
  signal: AbortSignal,
): Promise<void> {
  const { room } = publisher;
  let stale = 0;
  const inTime = (captureUs: number): boolean => {
    if (room.nowUs() - captureUs <= STALE_US) return true;
    stale += 1;
    return false;
  };
  const lap = { beginUs: room.nowUs(), lapUs: recording.lengthUs, loop: options.loop === true };
  const firstUs = recording.frames[0]!.timeUs;
  const tracks: Track[] = [
    new Take({
      ...lap,
      offsetsUs: recording.frames.map(({ timeUs }) => timeUs - firstUs),
      emit: (index, captureUs) => {
        if (inTime(captureUs)) publisher.motion(recording.frames[index]!.frame, captureUs);
      },
    }),
  ];
  if (voice) {
    tracks.push(
      new Take({
        ...lap,
        offsetsUs: voice.startUs,
        // A packet leaves when its last sample was spoken.
        afterUs: (index) => Math.round((voice.packets[index]!.samples * 1000) / 48),
        emit: (index, captureUs) => {
          if (inTime(captureUs)) publisher.voice(voice.packets[index]!.data, captureUs);
        },
      }),
    );
  }
  const pacer = new Pacer(tracks);
  const stop = () => pacer.stop();
  signal.addEventListener('abort', stop);
  const limit = options.seconds === undefined ? undefined : setTimeout(stop, options.seconds * 1000);
  const progress = setInterval(() => say(publisher, 'progress', stale, options.json === true), 1000);
  // Rejects when the room closes for good, so that a relay that is gone ends this too.
  const lost = room.closed.then((error) => {
    stop();
    if (!signal.aborted) throw error;
  });
  try {
    await Promise.race([pacer.run(), lost]);
  } finally {
    clearTimeout(limit);
    clearInterval(progress);
    signal.removeEventListener('abort', stop);
    lost.catch(() => {});
  }
  say(publisher, 'summary', stale, options.json === true);
}

function say(publisher: Publisher, event: string, stale: number, json: boolean): void {
  const stats = publisher.stats();
  const dropped = { ...stats.dropped, ...(stale > 0 && { stale }) };
  if (json) {
    process.stdout.write(`${JSON.stringify({ event, ...stats, dropped })}\n`);
    return;
  }
  const { uplink } = stats;
  const words = [`${stats.motionUnits} frames`, `${stats.voiceUnits} voice`, `${(stats.bytes / 1000).toFixed(1)} kB`];
  if (uplink) {
    const { p50, p99 } = uplink.lagMs;
    words.push(
      `uplink lost ${uplink.lost}  lag ${p50.toFixed(1)} / ${p99.toFixed(1)} ms +- ${uplink.uncertaintyMs.toFixed(1)}`,
    );
  }
  for (const [reason, count] of Object.entries(dropped)) words.push(`${reason} ${count}`);
  process.stderr.write(`${event}: ${words.join('  ')}\n`);
}

function report(publisher: Publisher, json: boolean): void {
  const tell = (event: string, fields: object, text: string) => {
    if (json) process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
    else process.stderr.write(`${text}\n`);
  };
  publisher.on('live', (live) => tell('live', live, `live in slot ${live.slot}, generation ${live.generation}`));
  publisher.on('interrupted', ({ code, message }) => tell('interrupted', { code, message }, `interrupted: ${message}`));
  publisher.on('warning', ({ code, message }) => tell('warning', { code, message }, `warning ${code}: ${message}`));
}

/** Each sent unit as a line, for comparison with what arrives. */
function logSent(publisher: Publisher, path: string): { close(): Promise<void> } {
  const stream: WriteStream = createWriteStream(path);
  const failed = Promise.withResolvers<void>();
  stream.on('error', failed.reject);
  failed.promise.catch(() => {});
  publisher.on('sent', (unit: SentUnit) => stream.write(`${JSON.stringify(unit)}\n`));
  return {
    close: () => Promise.race([new Promise<void>((resolve) => stream.end(resolve)), failed.promise]),
  };
}
