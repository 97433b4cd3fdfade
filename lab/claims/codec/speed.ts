import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { BenchReport, Profile } from '@hayate/codec/bench';
import { hayate } from '../../lib/processes.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';
import { FOUR, haveRecordings, pathOf } from './data.ts';
import { browserVectors } from './vectors.ts';

const US_PER_FRAME = 60;
const RUNS = 5;
const BYTES_PER_FRAME = 1;
const STEADY = fileURLToPath(new URL('./steady.ts', import.meta.url));

const median = (values: number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!;

/** Each run is a process of its own: what was compiled before for other shapes must not count. */
async function times(profile: Profile): Promise<{ encode: number[]; decode: number[] }> {
  const all = { encode: [] as number[], decode: [] as number[] };
  for (let n = 0; n < RUNS; n++) {
    const child = hayate(['codec-bench', ...FOUR.map(pathOf), '--profile', profile, '--seeds', '0', '--json']);
    const code = await child.exited;
    if (code !== 0) throw new Error(`codec-bench ended with ${code}: ${child.stderr.slice(-3).join(' ')}`);
    const { total } = JSON.parse(child.stdout.find((line) => line.startsWith('{'))!) as BenchReport;
    all.encode.push(total.encode_us);
    all.decode.push(total.decode_us);
  }
  return all;
}

interface Steady {
  bytes_per_frame: number;
  collections: number;
}

function allocation(): { frames: number; steady: Steady; control: Steady } {
  const flags = ['--expose-gc', '--min-semi-space-size=64', '--max-semi-space-size=64', STEADY, pathOf('alex_rom_3')];
  return JSON.parse(execFileSync(process.execPath, flags, { encoding: 'utf8' }));
}

async function run(context: ClaimContext) {
  const checks = new Checks();
  if (haveRecordings(checks)) {
    for (const profile of ['std', 'hi', 'lo'] as const) {
      context.log(`${RUNS} processes encode and decode four recordings, ${profile}`);
      const { encode, decode } = await times(profile);
      const both = encode.map((each, n) => Math.round((each + decode[n]!) * 100) / 100);
      checks.figure(`${profile}, us a frame`, {
        encode: median(encode),
        decode: median(decode),
        both: median(both),
        runs: both,
      });
      checks.check(median(both) <= US_PER_FRAME, `${profile}: ${median(both)} us a frame (target ${US_PER_FRAME})`);
    }
    context.log('heap growth in steady state');
    const { frames, steady, control } = allocation();
    checks.figure(`heap growth over ${frames} frames, encoded and decoded`, steady);
    checks.figure('the same with a copy of each unit (control)', control);
    checks.check(
      steady.bytes_per_frame < BYTES_PER_FRAME && steady.collections === 0,
      `${steady.bytes_per_frame} B of heap a frame, ${steady.collections} collections (target under ${BYTES_PER_FRAME}, none)`,
    );
    checks.check(
      control.bytes_per_frame > 8 * BYTES_PER_FRAME,
      `a copy of each unit grows the heap by ${control.bytes_per_frame} B a frame: the measurement sees nothing`,
    );
  }
  await browserVectors(checks, context);
  return checks.outcome();
}

export const codecSpeed: Claim = {
  id: 'codec.4',
  title:
    'Encode and decode together at most 60 us a frame in Node, without an allocation a frame in steady state; the golden vectors pass in Chromium and Firefox',
  seconds: 120,
  run,
};
