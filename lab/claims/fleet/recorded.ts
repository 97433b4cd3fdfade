import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../lib/processes.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';
import { clientReads } from './client-reads.ts';
import { unexplained } from './differences.ts';
import { fakeAnswers } from './fake-answers.ts';
import { callOf, compare, type Exchange } from './shape.ts';
import { tampered } from './tamper.ts';

const file = join(root, '..', 'shared', 'data', 'linode', 'recorded.jsonl');

async function run({ log }: ClaimContext) {
  const checks = new Checks();
  if (!existsSync(file)) {
    checks.skip('all: no recordings: ../shared/data/linode is not beside this checkout');
    return checks.outcome();
  }
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  const recorded = lines.map((line) => JSON.parse(line) as Exchange);
  const ours = fakeAnswers();
  const { differences, compared } = compare(recorded, ours);
  const left = unexplained(differences);
  const served = new Set(ours.filter(({ status }) => status < 400).map(callOf));
  const calls = new Set(recorded.filter(({ status }) => status < 400).map(callOf));
  checks.figure('recorded answers', recorded.length);
  checks.figure('calls compared', Object.keys(compared).length);
  checks.figure('answers of the fake', ours.length);
  checks.figure(
    'calls of the fake that nobody recorded',
    [...served].filter((call) => !calls.has(call)),
  );
  checks.figure('differences, each explained in lab/claims/fleet/differences.ts', differences.length);
  const text = (each: (typeof differences)[number]) =>
    `${each.call} ${each.path}: ${each.kind}, recorded ${each.recorded}, fake ${each.fake}`;
  checks.check(left.differences.length === 0, `not explained: ${left.differences.map(text).join('; ')}`);
  checks.check(left.stale.length === 0, `explained and not there: ${left.stale.join('; ')}`);
  // Against a file that has less in it than is compared today.
  checks.check(Object.keys(compared).length >= 30, `only ${Object.keys(compared).length} calls were compared`);

  log('control: each field of the fake removed, and of another type');
  const found = { removed: 0, changed: 0 };
  const missed: string[] = [];
  for (const { call, path, how, answers } of tampered(ours, Object.keys(compared))) {
    const noticed = unexplained(compare(recorded, answers).differences);
    if (noticed.differences.length + noticed.stale.length > 0) found[how] += 1;
    else missed.push(`${call} ${path} ${how}`);
  }
  checks.figure('control: a field of the fake removed or of another type', { found, missed: missed.length });
  checks.check(found.removed > 0 && found.changed > 0, 'control: nothing was tampered with');
  checks.check(missed.length === 0, `control: not noticed: ${missed.join('; ')}`);

  log('the client reads recorded answers');
  const client = await clientReads(recorded);
  checks.figure('recorded answers that the client reads', { read: client.read, errors_told_apart: client.errors });
  checks.check(client.read > 0 && client.refused.length === 0, `the client refuses ${client.refused.join('; ')}`);
  const twisted = recorded.map((each) => ({ ...each, res: withTextIds(each.res) }));
  const control = await clientReads(twisted);
  checks.figure('control: ids that are texts, refused by the client', control.refused.length);
  checks.check(control.refused.length > 0, 'control: the client takes ids that are texts');
  return checks.outcome();
}

/** With `id` as a text wherever it is a number. */
function withTextIds(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (key, part) => (key === 'id' && typeof part === 'number' ? `${part}` : part)),
  );
}

export const fakeAsRecorded: Claim = {
  id: 'fleet.5',
  title:
    'The fake Linode API held field by field against recorded answers of the real one: presence, types, null, words, formats, prices and errors; each difference explained; the client reads the recordings',
  seconds: 20,
  run,
};
