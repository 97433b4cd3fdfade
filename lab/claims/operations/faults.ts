import { writeFaults } from '../../faults/table/docs.ts';
import { runTable } from '../../faults/table/run.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';

const LEAST = 25;

async function run({ log, only }: ClaimContext) {
  const checks = new Checks();
  const { faults, controls, skipped, ran, kept, seconds } = await runTable({ only }, log);
  for (const [name, value] of Object.entries({ ran, kept, seconds, faults, controls })) checks.figure(name, value);
  checks.figure('skipped', skipped);
  for (const reason of skipped) checks.skip(reason);
  for (const { name, broken } of faults) checks.check(broken.length === 0, `${name}: ${broken.join('; ')}`);
  for (const { name, passed } of controls) checks.check(!passed, `${name}: was not found to break its promise`);
  checks.check(only.length > 0 || ran >= LEAST, `only ${ran} faults ran`);
  checks.check(only.length > 0 || controls.length > 0, 'no control ran');
  return checks.outcome();
}

export const faultTable: Claim = {
  id: 'operations.1',
  title:
    'At least 25 faults, each against a relay process under load with its promise in numbers (docs/faults.md): processes, disks, clocks, limits, backends, NATS, keys, links and floods; no gift lost or doubled; promises that are broken on purpose are found broken',
  seconds: 600,
  run,
  after: writeFaults,
};
