import { writeFileSync } from 'node:fs';
import { commit, machine } from '../../lib/machine.ts';
import { SOAK_FILE, writeSoak } from '../../soak/docs.ts';
import type { Growth } from '../../soak/judge.ts';
import { judged, type SoakEvidence, type SoakResult } from '../../soak/result.ts';
import { soak } from '../../soak/soak.ts';
import { Checks, type Claim, type ClaimContext, type ClaimOutcome, type ClaimResult } from '../claim.ts';

const MINUTES = 120;
/** Of each control. */
const CONTROL_MINUTES = 2;
/** What each control must find, and nothing else. */
const CONTROLS = [
  { name: 'no leak', leak: undefined },
  { name: 'heap leak', leak: 'heap', found: 'heap_mb' },
  { name: 'fds leak', leak: 'fds', found: 'fds' },
] as const;

/** Of each control. */
type Grown = Record<string, Record<string, Growth>>;

let last: SoakResult | undefined;

async function run({ log }: ClaimContext) {
  // Short runs of the same program: what they find a leak by is what the long one is judged by.
  const grown: Grown = {};
  for (const { name, leak } of CONTROLS) {
    log(`control of ${CONTROL_MINUTES} minutes: ${name}`);
    const { growth } = await soak({ minutes: CONTROL_MINUTES, seed: 2, ...(leak && { leak }) }, log);
    grown[name] = { heap_mb: growth.heap_mb, fds: growth.fds };
  }
  last = await soak({ minutes: MINUTES, seed: 1 }, log);
  return outcomeOf(grown, last);
}

function outcomeOf(grown: Grown, result: SoakResult): ClaimOutcome {
  const checks = new Checks();
  for (const { name, ...control } of CONTROLS) {
    for (const [figure, { ok }] of Object.entries(grown[name] ?? {})) {
      if ('found' in control && control.found === figure) checks.check(!ok, `${name}: not found`);
      else checks.check(ok, `${name}: ${figure} grew, where nothing leaks`);
    }
  }
  const { samples, broken, skipped, ...figures } = result;
  for (const [name, value] of Object.entries({ ...figures, samples: samples.length })) checks.figure(name, value);
  checks.figure('controls', grown);
  for (const reason of skipped) checks.skip(reason);
  for (const why of broken) checks.check(false, why);
  return checks.outcome();
}

/** What the judge says now of what was measured then. */
export function judgedAgain(claim: ClaimResult, evidence: SoakEvidence): { claim: ClaimResult; soak: SoakResult } {
  const result = judged(evidence);
  const { notes: _, ...about } = claim;
  const { skipped = [], ...outcome } = outcomeOf(claim.figures['controls'] as Grown, result);
  return { claim: { ...about, ...outcome, skipped }, soak: result };
}

function keep(): void {
  if (last) {
    const result = { at: new Date().toISOString(), commit: commit(), machine: machine(), ...last };
    writeFileSync(SOAK_FILE, `${JSON.stringify(result)}\n`);
  }
  writeSoak();
}

export const soaked: Claim = {
  id: 'operations.5',
  title:
    'Two hours of joins and leaves at one relay process: 100 viewers, some killed, some over WebSocket, rooms that begin and end, comments and gifts: memory, handles and lag do not grow, no gift is lost or doubled, every gauge is back once all have left; leaks put in on purpose are found',
  seconds: 7700,
  run,
  after: keep,
};
