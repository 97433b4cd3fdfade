import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { commit, machine } from '../../lib/machine.ts';
import { root } from '../../lib/processes.ts';
import { type SoakResult, soak } from '../../soak/soak.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';

const MINUTES = 120;
/** Of each control. */
const CONTROL_MINUTES = 2;
const RESULT = join(root, 'lab', 'results', 'soak.json');

let last: SoakResult | undefined;

async function run({ log }: ClaimContext) {
  const checks = new Checks();
  // Short runs of the same program: what they find a leak by is what the long one is judged by.
  const grown: Record<string, unknown> = {};
  for (const leak of [undefined, 'heap', 'fds'] as const) {
    log(`control of ${CONTROL_MINUTES} minutes: ${leak ? `${leak} leak` : 'no leak'}`);
    const { growth } = await soak({ minutes: CONTROL_MINUTES, seed: 2, ...(leak && { leak }) }, log);
    grown[leak ? `${leak} leak` : 'no leak'] = { heap_mb: growth.heap_mb, fds: growth.fds };
    for (const name of ['heap', 'fds'] as const) {
      const { ok } = growth[name === 'heap' ? 'heap_mb' : 'fds'];
      if (leak === name) checks.check(!ok, `a leak of ${name} was not found`);
      else checks.check(ok, `${name}: a leak was found where there is none (${leak ?? 'none'})`);
    }
  }
  const result = await soak({ minutes: MINUTES, seed: 1 }, log);
  last = result;
  const { samples, broken, skipped, ...figures } = result;
  for (const [name, value] of Object.entries({ ...figures, samples: samples.length })) checks.figure(name, value);
  checks.figure('controls', grown);
  for (const reason of skipped) checks.skip(reason);
  for (const why of broken) checks.check(false, why);
  return checks.outcome();
}

/** The samples are too many for docs/claims.md. */
function keep(): void {
  if (!last) return;
  const result = { at: new Date().toISOString(), commit: commit(), machine: machine(), ...last };
  writeFileSync(RESULT, `${JSON.stringify(result)}\n`);
}

export const soaked: Claim = {
  id: 'operations.5',
  title:
    'Two hours of joins and leaves at one relay process: 100 viewers, some killed, some over WebSocket, rooms that begin and end, comments and gifts: memory, handles and lag do not grow, no gift is lost or doubled, every gauge is back once all have left; leaks put in on purpose are found',
  seconds: 7700,
  run,
  after: keep,
};
