import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CODES } from '@hayate/codec/messages';
import fc from 'fast-check';
import { Room } from '../../../relay/room/room.ts';
import { MODEL_LIMITS, RoomModel } from '../../../relay/test/room-model.ts';
import { steps } from '../../../relay/test/room-steps.ts';
import { root } from '../../lib/processes.ts';
import { vitestResults } from '../../lib/vitest.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';
import { TEST_OF_CODE } from './codes.ts';

const PROPERTY = 'relay/room/property.test.ts';
const RULES = ['relay/room/presence.test.ts', 'relay/room/floor.test.ts', PROPERTY];
const FUZZ = ['relay/test/fuzz.test.ts', 'codec/messages/messages.test.ts'];
/** Beyond the committed seed of the test. */
const RUNS = 50_000;
/** Deliberate faults that the property must find. */
const FAULTS = 16;

function anew(checks: Checks): void {
  const seed = Date.now() % 2 ** 31;
  const since = performance.now();
  let events = 0;
  const result = fc.check(
    fc.property(steps, (all) => {
      events += all.length;
      new RoomModel(new Room(MODEL_LIMITS, 0)).run(all);
    }),
    { seed, numRuns: RUNS },
  );
  checks.figure('property, a seed of today', {
    seed,
    runs: result.numRuns,
    steps: events,
    seconds: Math.round((performance.now() - since) / 1000),
  });
  checks.check(!result.failed, `seed ${seed}: ${String(result.errorInstance)}`);
}

async function run(context: ClaimContext) {
  const checks = new Checks();
  context.log(`${RUNS} rooms in simulated time`);
  anew(checks);
  context.log('tests');
  const files = [...new Set([...RULES, ...FUZZ, ...Object.values(TEST_OF_CODE)])];
  const results = await vitestResults(files);
  for (const file of files) {
    const { passed = [], failed = [], skipped = [] } = results[file] ?? {};
    checks.figure(`tests of ${file}`, { passed: passed.length, failed, skipped: skipped.length });
    checks.check(failed.length === 0 && passed.length > 0, `${file}: ${failed.length} failed, ${passed.length} passed`);
  }
  const found = results[PROPERTY]?.passed.filter((name) => name.startsWith('would be found')).length ?? 0;
  checks.figure('deliberate faults found', found);
  checks.check(found >= FAULTS, `control: ${found} of ${FAULTS} deliberate faults found`);
  const unnamed = CODES.filter(({ code }) => {
    return !readFileSync(join(root, TEST_OF_CODE[code]), 'utf8').includes(`'${code}'`);
  });
  checks.figure('codes produced by a test', CODES.length - unnamed.length);
  for (const { code } of unnamed) checks.check(false, `${TEST_OF_CODE[code]} does not expect ${code}`);
  return checks.outcome();
}

export const roomStateMachine: Claim = {
  id: 'rooms.3',
  title:
    'A room driven through any order of events in simulated time keeps its invariants, and deliberate faults are found; every message fuzzed against a relay; every error code of docs/protocol.md produced by a test',
  seconds: 150,
  run,
};
