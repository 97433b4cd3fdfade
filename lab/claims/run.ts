// npm run claims -- [IDs | --all | --list] [--json]
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { commit, load, machine } from '../lib/machine.ts';
import { machineStalls, stallsText } from '../lib/machine-stalls.ts';
import type { Claim, ClaimResult } from './claim.ts';
import { resultsDir, writeDocs } from './docs.ts';
import { writePlanFigures } from './fleet/plan-figures.ts';
import { claims } from './registry.ts';

async function runOne(claim: Claim): Promise<ClaimResult> {
  const before = load();
  const stalls = await machineStalls();
  const since = Date.now();
  const log = (text: string) => process.stderr.write(`[${claim.id}] ${text}\n`);
  log(`${claim.title} (about ${claim.seconds} s)`);
  const outcome = await claim.run({ log, only: options.only ?? [] }).catch((error: unknown) => ({
    passed: false,
    figures: {},
    skipped: [],
    notes: [`the run itself failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`],
  }));
  return {
    id: claim.id,
    title: claim.title,
    ...outcome,
    skipped: outcome.skipped ?? [],
    at: new Date().toISOString(),
    seconds: Math.round((Date.now() - since) / 100) / 10,
    commit: commit(),
    machine: machine(),
    stalls,
    load: { before, after: load() },
  };
}

function print(result: ClaimResult): void {
  const verdict = result.passed ? (result.skipped.length > 0 ? 'passed in part' : 'passed') : 'FAILED';
  console.log(`${result.id} ${verdict} in ${result.seconds} s: ${result.title}`);
  for (const [name, value] of Object.entries(result.figures)) console.log(`  ${name}: ${JSON.stringify(value)}`);
  console.log(`  ${stallsText(result.stalls)}`);
  for (const reason of result.skipped) console.log(`  SKIPPED ${reason}`);
  for (const note of result.notes ?? []) console.log(`  note: ${note}`);
}

const program = new Command('claims')
  .description('Runs the claims of docs/claims.md, prints their figures and keeps the last result of each.')
  .argument('[ids...]', 'claims to run, as relay.2, or a prefix as relay')
  .option('--all', 'every claim')
  .option('--list', 'print all claims without running them')
  .option('--docs', 'only write docs/claims.md from the last results')
  .option('--only <names...>', 'only the rows whose name holds one of these, of claims with rows; implies --no-save')
  .option('--json', 'a JSON object a line')
  .option('--no-save', 'do not keep the results')
  .parse();
const options = program.opts<{
  all?: boolean;
  list?: boolean;
  docs?: boolean;
  json?: boolean;
  save: boolean;
  only?: string[];
}>();

if (options.list) {
  for (const claim of claims) {
    console.log(options.json ? JSON.stringify({ id: claim.id, title: claim.title }) : `${claim.id}  ${claim.title}`);
  }
} else if (options.docs) {
  writeDocs();
} else {
  const wanted = claims.filter((c) => options.all || program.args.some((a) => c.id === a || c.id.startsWith(`${a}.`)));
  if (wanted.length === 0) program.error('no such claim: see --list', { exitCode: 2 });
  let failed = 0;
  for (const claim of wanted) {
    const result = await runOne(claim);
    if (!result.passed) failed += 1;
    if (options.json) console.log(JSON.stringify(result));
    else print(result);
    if (options.save && !options.only) {
      mkdirSync(resultsDir, { recursive: true });
      writeFileSync(join(resultsDir, `${claim.id}.json`), `${JSON.stringify(result, null, 1)}\n`);
      writeDocs();
      writePlanFigures();
      claim.after?.();
    }
  }
  process.exitCode = failed > 0 ? 1 : 0;
}
// A claim that leaves a handle open must not hang the command.
setTimeout(() => process.exit(), 2000).unref();
