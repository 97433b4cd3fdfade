// npm run lab -- soak [--minutes 120] [--seed 1] [--leak heap|fds] [--json FILE]
import { writeFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { type Leak, soak } from './soak.ts';

const program = new Command('soak')
  .description('Joins and leaves of every kind at one relay for so long: exit code 1 when something grows or stays.')
  .option('--minutes <n>', 'how long', Number, 120)
  .option('--seed <n>', 'of who comes when', Number, 1)
  .addOption(new Option('--leak <kind>', 'put a leak into the relay, to see that it is found').choices(['heap', 'fds']))
  .option('--json <file>', 'where everything is written to')
  .parse();
const { minutes, seed, leak, json } = program.opts<{ minutes: number; seed: number; leak?: Leak; json?: string }>();

const log = (text: string) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);
const result = await soak({ minutes, seed, ...(leak && { leak }) }, log);
const { samples, broken, skipped, ...figures } = result;
for (const [name, value] of Object.entries(figures)) console.log(`${name}: ${JSON.stringify(value)}`);
for (const reason of skipped) console.log(`SKIPPED ${reason}`);
for (const why of broken) console.log(`broken: ${why}`);
if (json !== undefined) writeFileSync(json, `${JSON.stringify(result)}\n`);
process.exit(broken.length > 0 ? 1 : 0);
