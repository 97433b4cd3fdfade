// npm run faults -- all [--only NAME]
// npm run faults -- gifts [--kill | --power-cut | --cluster]
// npm run faults -- cluster
// npm run faults -- roll
import { Command, InvalidArgumentError } from 'commander';
import { natsServer } from '../lib/nats.ts';
import { report as printed } from '../lib/report.ts';
import { clusterGifts } from './cluster-gifts.ts';
import { clusterMedia, MEDIA_FAULTS, type MediaFault } from './cluster-media.ts';
import { killLedger } from './kill.ts';
import { powerCut } from './power.ts';
import { killRelay } from './relay-kill.ts';
import { type RollOptions, roll } from './roll.ts';
import { controls, faults } from './table/list.ts';
import { runTable } from './table/run.ts';
import { haveStrace } from './trace.ts';

const program = new Command('faults').description('Breaks things on purpose; prints what was lost.');
const log = (text: string) => process.stderr.write(`${text}\n`);

interface GiftFlags {
  kill?: boolean;
  powerCut?: boolean;
  cluster?: boolean;
  times: number;
  regionDown: number;
  kills: number;
  cuts: number;
  seed: number;
  json?: boolean;
  save?: boolean;
}

async function report(name: string, flags: GiftFlags, run: () => Promise<{ passed: boolean }>): Promise<void> {
  const amounts: Record<string, string> = {
    'power-cut': `--cuts ${flags.cuts}`,
    cluster: `--times ${flags.times} --region-down ${flags.regionDown}`,
  };
  const amount = amounts[name] ?? `--kills ${flags.kills}`;
  const which = name === 'relay-kill' ? '' : ` --${name}`;
  const command = `npm run faults -- gifts${which} ${amount} --seed ${flags.seed}`;
  const save = flags.save ? { folder: 'faults', name: `gifts-${name}` } : undefined;
  const { passed } = await printed({ command, json: flags.json, save }, run);
  if (!passed) process.exitCode = 1;
}

program
  .command('gifts')
  .description(
    'gifts through a relay that is killed: exit code 1 when one is lost, doubled, out of order or not delivered',
  )
  .option('--kill', 'the ledger alone is killed')
  .option(
    '--power-cut',
    'the ledger alone: power cuts at random points of recorded writes, full and read-only disks, flipped bits',
  )
  .option('--cluster', 'two regions of two relays and three NATS servers: servers, regions, disks and origins fail')
  .option('--times <n>', 'of each fault of --cluster', Number, 10)
  .option('--region-down <s>', 'how long all NATS servers of a region stay down', Number, 12)
  .option('--kills <n>', 'kills', Number, 50)
  .option('--cuts <n>', 'power cuts', Number, 1000)
  .option('--seed <n>', 'of all that is random', Number, 1)
  .option('--json', 'one JSON object')
  .option('--save', 'keep the result in lab/results/faults')
  .action(async (flags: GiftFlags) => {
    if (flags.powerCut && !haveStrace())
      program.error('--power-cut records with strace: install it (and allow ptrace)');
    const { seed, kills, cuts } = flags;
    const given = { kills, seed, perSecond: 100, rooms: 50 };
    if (flags.cluster) {
      const binary = await natsServer();
      if ('skip' in binary) program.error(binary.skip);
      const regionDownMs = flags.regionDown * 1000;
      const cluster = {
        times: flags.times,
        seed,
        perSecond: 40,
        rooms: 20,
        regionDownMs,
        servers: 3,
        patient: true,
      } as const;
      await report('cluster', flags, () => clusterGifts(cluster, log));
    } else if (!flags.kill && !flags.powerCut) await report('relay-kill', flags, () => killRelay(given, log));
    if (flags.kill) await report('kill', flags, () => killLedger(given, log));
    if (flags.powerCut) await report('power-cut', flags, () => powerCut({ cuts, seed }, log));
  });

function faultsOf(text: string): MediaFault[] {
  const names = text.split(',') as MediaFault[];
  const wrong = names.find((name) => !MEDIA_FAULTS.includes(name));
  if (wrong !== undefined) throw new InvalidArgumentError(`"${wrong}" is none of ${MEDIA_FAULTS.join(', ')}`);
  return names;
}

interface ClusterFlags {
  times: number;
  only: MediaFault[];
  regionDown: number;
  drainViewers: number;
  failoverViewers: number;
  seed: number;
  json?: boolean;
  save?: boolean;
}

program
  .command('cluster')
  .description(
    'media of two regions of two relays and three NATS servers each, while relays die and drain, servers die and the ocean is cut: exit code 1 when it stands still for too long',
  )
  .option('--times <n>', 'of each fault', Number, 10)
  .option('--only <faults>', `of ${MEDIA_FAULTS.join(', ')}`, faultsOf, [...MEDIA_FAULTS])
  .option('--region-down <s>', 'how long all NATS servers of a region stay down', Number, 12)
  .option('--drain-viewers <n>', 'at the relay that drains', Number, 200)
  .option('--failover-viewers <n>', 'at the relay that dies, in 20 rooms', Number, 1000)
  .option('--seed <n>', 'of all that is random', Number, 1)
  .option('--json', 'one JSON object')
  .option('--save', 'keep the result in lab/results/faults')
  .action(async (flags: ClusterFlags) => {
    const binary = await natsServer();
    if ('skip' in binary) program.error(binary.skip);
    const { times, only, regionDown, drainViewers, failoverViewers, seed, json } = flags;
    const command =
      `npm run faults -- cluster --times ${times} --only ${only.join()} --region-down ${regionDown} ` +
      `--drain-viewers ${drainViewers} --failover-viewers ${failoverViewers} --seed ${seed}`;
    const save = flags.save ? { folder: 'faults', name: 'cluster-media' } : undefined;
    const asked = {
      times,
      only,
      regionDownMs: regionDown * 1000,
      drainViewers,
      failoverViewers,
      seed,
    } as const;
    const { passed } = await printed({ command, json, save }, () => clusterMedia(asked, log));
    if (!passed) process.exitCode = 1;
  });

program
  .command('roll')
  .description('a new generation of relays comes beside the old one, which drains and goes, in two regions under load')
  .option('--rooms <n>', 'rooms, each with a liver in both regions', Number, 2)
  .option('--viewers <n>', 'of each room at each of the four old relays', Number, 2)
  .option('--at-once', 'old relays drain all at the same time, not one after the other', false)
  .option('--json', 'one JSON object')
  .action(async ({ json, ...options }: RollOptions & { json?: boolean }) => {
    const binary = await natsServer();
    if ('skip' in binary) program.error(binary.skip);
    const command = `npm run faults -- roll --rooms ${options.rooms} --viewers ${options.viewers}${options.atOnce ? ' --at-once' : ''}`;
    await printed({ command, json }, () => roll(options, log));
  });

interface TableFlags {
  only: string[];
  list?: boolean;
  json?: boolean;
  save?: boolean;
}

program
  .command('all')
  .description(
    'the table of docs/faults.md: a relay under a modest load meets each fault, beside promises that are broken on purpose: exit code 1 when a promise is not kept, or a broken one not found',
  )
  .option('--only <names...>', 'only faults whose name holds one of these', [])
  .option('--list', 'print the faults and what they do')
  .option('--json', 'one JSON object')
  .option('--save', 'keep the result in lab/results/faults')
  .action(async ({ only, list, json, save }: TableFlags) => {
    if (list) {
      for (const { name, does } of [...faults, ...controls]) console.log(`${name}: ${does}`);
      return;
    }
    const command = `npm run faults -- all${only.length > 0 ? ` --only ${only.join(' ')}` : ''}`;
    const kept = save && only.length === 0 ? { folder: 'faults', name: 'all' } : undefined;
    const { passed } = await printed({ command, json, save: kept }, () => runTable({ only }, log));
    if (!passed) process.exitCode = 1;
  });

await program.parseAsync();
// What a fault left open must not hang the command.
setTimeout(() => process.exit(), 2000).unref();
