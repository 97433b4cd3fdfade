import { type OceanRunOptions, oceanRun, type PathResult } from '../../regions/ocean.ts';
import { pathName } from '../../regions/plan.ts';
import type { SocialRun } from '../../regions/social.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';
import { haveNats } from '../nats.ts';
import { needsRecordedFace } from '../recorded-face.ts';

const MOTION_MS = 100;
/** Beyond this floor no playout can keep 100 ms. */
const FLOOR_MS = 76;
const MOTION_OVER_FLOOR_MS = 25;
const VOICE_OVER_FLOOR_MS = 50;
const EXACT = { ocean: 0.995, region: 0.999 };
const SHOWN_MS = 100;
const SEQUENCED_MS = 200;
const ACK_MS = 30;

const base: OceanRunOptions = {
  ocean: { outMs: 65, backMs: 65 },
  lastMileMs: 5,
  burstMs: 15,
  loss: 0.005,
  rooms: 10,
  viewers: 200,
  seconds: 30,
  warmSeconds: 20,
  seed: 1,
};

const CASES: Record<string, OceanRunOptions> = {
  '65 ms, bursts 5 ms': { ...base, burstMs: 5 },
  '65 ms, bursts 15 ms': base,
  '65 ms, bursts 30 ms': { ...base, burstMs: 30 },
  '72 ms': { ...base, ocean: { outMs: 72, backMs: 72 } },
  '60 and 75 ms': { ...base, ocean: { outMs: 60, backMs: 75 } },
  '65 ms, last mile 20 ms': { ...base, lastMileMs: 20 },
  // With cores to spare: what misses its target here does so for another reason. Fewer phones are watched for longer.
  '65 ms, bursts 15 ms, a fifth of the phones': { ...base, rooms: 2, viewers: 40, seconds: 120 },
};

const over = (value: number | null | undefined, limit: number) => !((value ?? Number.NaN) <= limit);

function judgePath(checks: Checks, name: string, path: PathResult): void {
  const { floor_ms: floor, motion, voice } = path;
  const label = `${name}: ${pathName(path)}`;
  const crosses = path.from !== path.to;
  const motionMs = floor <= FLOOR_MS ? MOTION_MS : floor + MOTION_OVER_FLOOR_MS;
  const voiceMs = crosses ? floor + VOICE_OVER_FLOOR_MS : MOTION_MS;
  const exact = crosses ? EXACT.ocean : EXACT.region;
  const [face, sound] = [motion.presentation_ms.p99, voice.presentation_ms.p99];
  checks.check(!over(face, motionMs), `${label}: motion p99 ${face} ms (target ${motionMs}, floor ${floor})`);
  checks.check(!over(sound, voiceMs), `${label}: voice p99 ${sound} ms (target ${voiceMs}, floor ${floor})`);
  checks.check((motion.exact_ratio ?? 0) >= exact, `${label}: ${motion.exact_ratio} exact (target ${exact})`);
}

function judgeSocial(checks: Checks, name: string, social: SocialRun | null): void {
  if (!social) {
    checks.check(false, `${name}: no comments or gifts were measured`);
    return;
  }
  const rows = [
    ['comments shown', social.comment_ms, SHOWN_MS],
    ['gifts shown', social.gift_ms, SHOWN_MS],
    ['gifts sequenced', social.gift_sequenced_ms, SEQUENCED_MS],
    ['gifts acknowledged', social.gift_ack_ms, ACK_MS],
  ] as const;
  for (const [what, byPath, limit] of rows) {
    for (const [path, { p99 }] of Object.entries(byPath)) {
      checks.check(!over(p99, limit), `${name}: ${path}: ${what} p99 ${p99} ms (target ${limit})`);
    }
  }
  const { comments, gifts } = social;
  checks.check(gifts.refused === 0 && gifts.shown === gifts.expected, `${name}: gifts ${JSON.stringify(gifts)}`);
  checks.check(gifts.doubled === 0, `${name}: ${gifts.doubled} gifts shown twice`);
  checks.check(comments.shown === comments.expected, `${name}: comments ${JSON.stringify(comments)}`);
}

async function run(context: ClaimContext) {
  const checks = new Checks();
  if (!(await haveNats(checks))) return checks.outcome();
  const wanted = Object.entries(CASES).filter(
    ([name]) => context.only.length === 0 || context.only.some((part) => name.includes(part)),
  );
  for (const [name, options] of wanted) {
    context.log(name);
    const { paths, social, ...about } = await oceanRun(options, (text) => context.log(`${name}: ${text}`));
    checks.figure(name, about);
    needsRecordedFace(checks, about.motion);
    for (const path of paths) {
      checks.figure(`${name}: ${pathName(path)}`, path);
      judgePath(checks, name, path);
    }
    checks.figure(`${name}: comments and gifts`, social);
    judgeSocial(checks, name, social);
  }
  return checks.outcome();
}

export const ocean: Claim = {
  id: 'regions.1',
  title:
    'Two regions of two relays across an emulated ocean: the face within 100 ms where the network takes at most 76, else within 25 ms of it; 99.5 % of the frames exact across and 99.9 % within a region; voice, comments and gifts within their times',
  seconds: 630,
  run,
};
