import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { auditNode, auditNpm, auditRust, licencesOf } from '../../../scripts/audit.ts';
import { root } from '../../lib/processes.ts';
import type { Checks } from '../claim.ts';

/** Advisories on what ships, and licences; each exception has a line in docs/security.md. */
export async function audits(checks: Checks): Promise<void> {
  const page = join(root, 'docs/security.md');
  const explained = existsSync(page) ? readFileSync(page, 'utf8') : '';
  for (const [name, audit] of [
    ['npm', await auditNpm()],
    ['node', await auditNode()],
    ['cargo', await auditRust()],
  ] as const) {
    if ('skip' in audit) {
      checks.skip(`${name} audit: ${audit.skip}`);
      continue;
    }
    checks.figure(`${name}_advisories`, audit.advisories);
    for (const { id, of } of audit.advisories) {
      checks.check(explained.includes(id), `${name}: ${id} of ${of} is not explained in docs/security.md`);
    }
  }
  const licences = licencesOf();
  checks.figure('licences', licences.counts);
  for (const other of licences.others)
    checks.check(explained.includes(other), `licence ${other} is not explained in docs/security.md`);
}
