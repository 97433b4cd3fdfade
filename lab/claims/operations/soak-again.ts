// node lab/claims/operations/soak-again.ts: the committed samples of claim operations.5 by the judge as it is now, after a change
// of it. A test holds the committed verdict against the samples.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lastSoak, SOAK_FILE, writeSoak } from '../../soak/docs.ts';
import { resultsDir, writeDocs } from '../docs.ts';
import { judgedAgain, soaked } from './soak.ts';

const last = lastSoak();
if (!last?.soak) throw new Error('no soak was run to its end: npm run claims -- operations.5');
const { claim, soak } = judgedAgain(last.claim, last.soak);
writeFileSync(SOAK_FILE, `${JSON.stringify({ ...last.soak, ...soak })}\n`);
writeFileSync(join(resultsDir, `${soaked.id}.json`), `${JSON.stringify(claim, null, 1)}\n`);
writeSoak();
writeDocs();
console.log(`${claim.passed ? 'passed' : 'falls short'}`, claim.notes ?? [], claim.skipped);
