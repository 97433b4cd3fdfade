import { presence } from '../../bench/presence.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';

const SMALL = 500;
const LARGE = 5000;
const PER_SECOND = 100;
/** What is coalesced is to cost the same; the rest is noise of a machine that is shared. */
const FLAT = 1.5;

async function run(context: ClaimContext) {
  const checks = new Checks();
  const result = await presence({ members: [SMALL, LARGE], perSecond: PER_SECOND, seconds: 15 }, context.log);
  const [small, large] = result.rooms;
  for (const room of result.rooms) checks.figure(`room of ${room.members}`, room);
  for (const rules of result.rules) checks.figure(`rules alone, ${rules.members} people`, rules);
  if (!small || !large) throw new Error('the bench measured no rooms');
  for (const room of [small, large]) {
    const { members, joined, left, failed, wrong_counts: wrong, churn } = room;
    const least = 0.95 * PER_SECOND * 15;
    checks.check(
      Math.min(joined, left) >= least,
      `${members} members: ${joined} came and ${left} left (at least ${least})`,
    );
    checks.check(failed === 0, `${members} members: ${failed} joins failed`);
    checks.check(wrong === 0, `${members} members: ${wrong} know another number of people`);
    // A control: had nobody listened, nothing would be measured.
    checks.check(churn.news_per_member_s > 0.15, `${members} members: ${churn.news_per_member_s} news a second`);
  }
  checks.check(
    large.churn.bytes_per_member_s <= small.churn.bytes_per_member_s,
    `${large.churn.bytes_per_member_s} bytes a member and second in the large room, ${small.churn.bytes_per_member_s} in the small one`,
  );
  checks.check(
    large.churn.js_us_per_member_s <= small.churn.js_us_per_member_s,
    `${large.churn.js_us_per_member_s} us a member and second in the large room, ${small.churn.js_us_per_member_s} in the small one`,
  );
  const perJoin = large.js_us_per_join_and_leave / small.js_us_per_join_and_leave;
  checks.check(perJoin <= FLAT, `a join and leave costs ${perJoin.toFixed(2)} times as much in the large room`);
  const [few, many] = [result.rules.find((r) => r.members === SMALL)!, result.rules.find((r) => r.members === LARGE)!];
  checks.check(
    many.us_per_join_and_leave <= 2 * few.us_per_join_and_leave,
    `rules alone: ${many.us_per_join_and_leave} us a join and leave, ${few.us_per_join_and_leave} in the small room`,
  );
  return checks.outcome();
}

export const presenceCost: Claim = {
  id: 'rooms.5',
  title:
    '5000 members in one room, all listening to presence, with 100 joins and leaves a second, beside 500: bytes and CPU a member no higher, a join and leave costs the same, everybody knows the exact count afterwards',
  seconds: 150,
  run,
};
