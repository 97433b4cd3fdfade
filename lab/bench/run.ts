// npm run bench -- fanout [options]
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { commit, load, machine } from '../lib/machine.ts';
import { root } from '../lib/processes.ts';
import { type FanoutOptions, fanout } from './fanout.ts';

const program = new Command('bench').description('Measures; prints machine, load and a baseline of the same run.');

program
  .command('fanout')
  .description('one publisher, N viewers over QUIC datagrams on loopback: CPU, lag, memory of the relaying process')
  .option('--viewers <n>', 'viewers', Number, 800)
  .option('--hz <n>', 'frames a second', Number, 60)
  .option('--bytes <n>', 'bytes of a datagram', Number, 120)
  .option('--seconds <n>', 'measured seconds', Number, 10)
  .option('--json', 'one JSON object')
  .option('--save', 'keep the result in lab/results/bench')
  .action(async (options: FanoutOptions & { json?: boolean; save?: boolean }) => {
    const before = load();
    const figures = await fanout(options, (text) => process.stderr.write(`${text}\n`));
    const command = `npm run bench -- fanout --viewers ${options.viewers} --hz ${options.hz} --bytes ${options.bytes} --seconds ${options.seconds}`;
    const result = {
      ...figures,
      command,
      at: new Date().toISOString(),
      commit: commit(),
      machine: machine(),
      load: { before, after: load() },
    };
    if (options.save) {
      const dir = join(root, 'lab', 'results', 'bench');
      mkdirSync(dir, { recursive: true });
      writeFileSync(join(dir, 'fanout.json'), `${JSON.stringify(result, null, 1)}\n`);
    }
    if (options.json) console.log(JSON.stringify(result));
    else for (const [name, value] of Object.entries(result)) console.log(`${name}: ${JSON.stringify(value)}`);
  });

await program.parseAsync();
process.exit();
