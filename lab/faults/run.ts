// npm run faults -- gifts --kill | --power-cut
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { commit, load, machine } from '../lib/machine.ts';
import { root } from '../lib/processes.ts';
import { killLedger } from './kill.ts';
import { powerCut } from './power.ts';
import { haveStrace } from './trace.ts';

const program = new Command('faults').description('Breaks things on purpose; prints what was lost.');
const log = (text: string) => process.stderr.write(`${text}\n`);

interface GiftFlags {
  kill?: boolean;
  powerCut?: boolean;
  kills: number;
  cuts: number;
  seed: number;
  json?: boolean;
  save?: boolean;
}

async function report(name: string, flags: GiftFlags, run: () => Promise<{ passed: boolean }>): Promise<void> {
  const before = load();
  const figures = await run();
  const about = { at: new Date().toISOString(), commit: commit(), machine: machine(), load: { before, after: load() } };
  const amount = name === 'kill' ? `--kills ${flags.kills}` : `--cuts ${flags.cuts}`;
  const result = { command: `npm run faults -- gifts --${name} ${amount} --seed ${flags.seed}`, ...figures, ...about };
  if (flags.save) {
    const folder = join(root, 'lab', 'results', 'faults');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `gifts-${name}.json`), `${JSON.stringify(result, null, 1)}\n`);
  }
  if (flags.json) console.log(JSON.stringify(result));
  else for (const [key, value] of Object.entries(result)) console.log(`${key}: ${JSON.stringify(value)}`);
  if (!figures.passed) process.exitCode = 1;
}

program
  .command('gifts')
  .description('the ledger of gifts: exit code 1 when one is lost, doubled or out of order')
  .option('--kill', 'SIGKILL at random instants, gifts resent')
  .option('--power-cut', 'power cuts at random points of recorded writes, full and read-only disks, flipped bits')
  .option('--kills <n>', 'kills', Number, 50)
  .option('--cuts <n>', 'power cuts', Number, 1000)
  .option('--seed <n>', 'of all that is random', Number, 1)
  .option('--json', 'one JSON object')
  .option('--save', 'keep the result in lab/results/faults')
  .action(async (flags: GiftFlags) => {
    if (!flags.kill && !flags.powerCut) program.error('say --kill or --power-cut', { exitCode: 2 });
    if (flags.powerCut && !haveStrace())
      program.error('--power-cut records with strace: install it (and allow ptrace)');
    const { seed, kills, cuts } = flags;
    if (flags.kill) await report('kill', flags, () => killLedger({ kills, seed, perSecond: 100, rooms: 50 }, log));
    if (flags.powerCut) await report('power-cut', flags, () => powerCut({ cuts, seed }, log));
  });

await program.parseAsync();
