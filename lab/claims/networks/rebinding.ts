import { findBrowsers } from '../../browsers/index.ts';
import { type BrowserName, rebinding, refusedPaths } from '../../networks/rebinding.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';

/** Oftener would be loss to the client: above 5 % it leaves QUIC for TCP. */
const [TIMES, EVERY_MS] = [100, 2000];
const FROZEN_MS = 150;
const RESUMED_MS = 1000;

async function run({ log }: ClaimContext) {
  const checks = new Checks();
  const found = findBrowsers();
  const names: BrowserName[] = ['chromium', 'firefox'];
  for (const name of names) if (found[name] === undefined) checks.skip(`${name}: not installed`);
  const browsers = names.filter((name) => found[name] !== undefined);

  const moved = await rebinding(
    { ...{ times: TIMES, everyMs: EVERY_MS, delayMs: 20, jitterMs: 5, viewers: 4 }, browsers },
    log,
  );
  checks.figure('link', `${moved.delayMs} ± ${moved.jitterMs} ms each way, each address changes each ${EVERY_MS} ms`);
  for (const [name, each] of Object.entries(moved.members)) {
    checks.figure(name, each);
    checks.check(each.sessions === 1, `${name}: ${each.sessions} sessions`);
    checks.check(each.frozenMs <= FROZEN_MS, `${name}: ${each.frozenMs} ms without media (at most ${FROZEN_MS})`);
    const still = name.startsWith('still');
    checks.check(still || each.rebinds! >= TIMES - 2, `${name}: its address changed ${each.rebinds} times only`);
  }
  const money = (when: string, { sent, acked, lost, doubled }: typeof moved.gifts) => {
    checks.check(sent > 0 && acked === sent, `${when}: ${sent - acked} of ${sent} gifts without an answer`);
    checks.check(lost === 0 && doubled === 0, `${when}: ${lost} gifts lost, ${doubled} doubled`);
  };
  checks.figure('gifts', moved.gifts);
  money('addresses change', moved.gifts);

  const refused = await refusedPaths({ times: 10, viewers: 2, browsers }, log);
  checks.figure('a firewall that forgets, ms without media', refused.frozen_ms);
  checks.figure('sessions there', refused.sessions);
  checks.figure('gifts there', refused.gifts);
  money('a firewall that forgets', refused.gifts);
  for (const [name, times] of Object.entries(refused.frozen_ms)) {
    const most = Math.max(...times);
    checks.check(most <= RESUMED_MS, `${name}: ${most} ms without media behind the firewall (at most ${RESUMED_MS})`);
    const sessions = refused.sessions[name]!;
    checks.check(sessions === times.length + 1, `${name}: ${sessions} sessions after ${times.length} lost paths`);
    // What the first part promises does not hold of itself.
    const least = Math.min(...times);
    checks.check(least > FROZEN_MS, `control: ${name} lost its path and stood still for ${least} ms only`);
  }
  return checks.outcome();
}

export const addressChanges: Claim = {
  id: 'networks.3',
  title:
    'Addresses of clients that watch and give change 100 times, in Node, Chromium and Firefox: sessions kept, at most 150 ms without media; where no path is kept the session resumes within a second; gifts lost 0, doubled 0',
  seconds: 310,
  run,
};
