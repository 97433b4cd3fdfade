import { deafViewers } from '../../bench/comments-deaf.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';

const DEAF = 20;
const SECONDS = 60;
/** `comments.queueBytes`, what the engine buffers of a stream, and the session itself, kB. */
const KB = 300;
/** The second half of the silence must cost nothing more than the noise of a heap, kB. */
const GROWS_KB = 4096;
const OTHERS_GROW_MS = 5;

async function run(context: ClaimContext) {
  const checks = new Checks();
  const result = await deafViewers({ deaf: DEAF, seconds: SECONDS }, context.log);
  for (const [name, value] of Object.entries(result)) checks.figure(name, value);
  const { rss_kb, rss_kb_per_deaf, others, resumed, room_count, dropped } = result;
  checks.check(rss_kb_per_deaf <= KB, `${rss_kb_per_deaf} kB of the relay's memory a deaf session (target ${KB})`);
  const grows = rss_kb.end - rss_kb.middle;
  checks.check(grows <= GROWS_KB, `the relay grew by ${grows} kB in the second half of their silence`);
  checks.check(dropped > 0, 'control: nothing was left out, so no bound was reached');
  const lag = Number((others.with.p99 - others.without.p99).toFixed(2));
  checks.figure('motion lag p99 of the others grows, ms', lag);
  checks.check(lag <= OTHERS_GROW_MS, `motion lag p99 of the others grows by ${lag} ms`);
  const [before, after] = [others.without.shown / 10, others.with.shown / (SECONDS / 2)];
  checks.check(after >= 0.95 * before, `the others were shown ${after} comments a second, ${before} before`);
  checks.check(resumed.length === DEAF, `${resumed.length} sessions read again`);
  for (const { seen, missed, at, faults } of resumed) {
    checks.check(at === room_count, `one has got to ${at} of ${room_count}`);
    checks.check(faults === 0, `${faults} comments not in their place`);
    checks.check(missed > others.with.missed, `a gap of ${missed}, no more than the others'`);
    checks.check(seen > 0, 'one saw nothing');
  }
  return checks.outcome();
}

export const deafViewer: Claim = {
  id: 'rooms.2',
  title:
    'Viewers that read nothing for 60 s: memory bounded, others unaffected, a gap marker, and they go on when they read again',
  seconds: 95,
  run,
};
