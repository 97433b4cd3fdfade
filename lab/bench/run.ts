// npm run bench -- fanout [options]
import { Command } from 'commander';
import { type CrowdOptions, crowd } from '../lag/crowd.ts';
import { type EightOptions, eight } from '../lag/eight.ts';
import { type MatrixOptions, matrix } from '../lag/matrix.ts';
import { report as printed } from '../lib/report.ts';
import { type TrunkLoadOptions, trunkLoad } from '../regions/trunk-load.ts';
import { type CommentsOptions, comments } from './comments.ts';
import { type ConversationOptions, conversation } from './conversation.ts';
import { type FanoutOptions, fanout } from './fanout.ts';
import { type GiftsOptions, gifts } from './gifts.ts';
import { type HandOverOptions, handOver } from './hand-over.ts';
import { type HandshakeFloodOptions, handshakeFlood } from './handshake-flood.ts';
import { type JoinsOptions, joins } from './joins.ts';
import { type LedgerOptions, ledger } from './ledger.ts';
import { type PagePartsOptions, pageParts } from './page-parts.ts';
import { type PresenceOptions, presence } from './presence.ts';
import { type StreamOptions, stream } from './stream.ts';

const program = new Command('bench').description('Measures; prints machine, load and a baseline of the same run.');

interface Common {
  json?: boolean;
  save?: boolean;
}

/** Runs one bench, prints its figures with command, machine and load, keeps them when asked. */
async function report(
  name: string,
  options: Common & object,
  measure: (log: (text: string) => void) => Promise<object>,
): Promise<void> {
  const flags = Object.entries(options).filter(([key]) => key !== 'json' && key !== 'save');
  const command = `npm run bench -- ${name.replace(/(-drain|-kill)?-\d+$/, '')} ${flags.map(([key, value]) => `--${kebab(key)} ${value}`).join(' ')}`;
  const save = options.save ? { folder: 'bench', name } : undefined;
  await printed({ command, json: options.json, save }, () => measure((text) => process.stderr.write(`${text}\n`)));
}

const kebab = (name: string) => name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);

program
  .command('fanout')
  .description('one publisher, N viewers over QUIC datagrams on loopback: CPU, lag, memory of the relaying process')
  .option('--viewers <n>', 'viewers', Number, 800)
  .option('--hz <n>', 'frames a second', Number, 60)
  .option('--bytes <n>', 'bytes of a datagram', Number, 120)
  .option('--seconds <n>', 'measured seconds', Number, 10)
  .option('--json', 'one JSON object')
  .option('--save', 'keep the result in lab/results/bench')
  .action((options: FanoutOptions & Common) => report('fanout', options, (log) => fanout(options, log)));

program
  .command('joins')
  .description('viewers of a whole relay while others join: what happens to the lag')
  .option('--viewers <n>', 'viewers who watch all the time', Number, 500)
  .option('--joins-per-second <n>', 'sessions that connect, join, hear media and leave', Number, 500)
  .option('--seconds <n>', 'measured seconds, each without and with joins', Number, 10)
  .option('--json', 'one JSON object')
  .option('--save', 'keep the result in lab/results/bench')
  .action((options: JoinsOptions & Common) => report('joins', options, (log) => joins(options, log)));

program
  .command('handshake-flood')
  .description('viewers of a whole relay while handshakes are begun that nobody goes on with: what happens to the lag')
  .option('--viewers <n>', 'viewers', Number, 500)
  .option('--per-minute <n>', 'first packets of handshakes', Number, 100_000)
  .option('--addresses <n>', 'of 127.0.0.0/8, that they come from', Number, 200)
  .option('--seconds <n>', 'measured seconds, each without and with the flood', Number, 20)
  .option('--json', 'one JSON object')
  .option('--save', 'keep the result in lab/results/bench')
  .action((options: HandshakeFloodOptions & Common) =>
    report('handshake-flood', options, (log) => handshakeFlood(options, log)),
  );

program
  .command('gifts')
  .description('submit to shown behind lossy links in a room full of comments; how long the relay stands still')
  .option('--gifts-per-second <n>', 'gifts', Number, 100)
  .option('--comments-per-second <n>', 'comments', Number, 500)
  .option('--seconds <n>', 'measured seconds of each part', Number, 15)
  .option('--json', 'one JSON object')
  .option('--save', 'keep the result in lab/results/bench')
  .action((options: GiftsOptions & Common) => report('gifts', options, (log) => gifts(options, log)));

program
  .command('comments')
  .description('comments behind lossy links; what a flood of them does to the motion of its room and of others')
  .option('--per-second <n>', 'comments offered to the room that is timed', Number, 50)
  .option('--flood-per-second <n>', 'comments offered to the flooded room', Number, 10_000)
  .option('--seconds <n>', 'measured seconds of each part and turn', Number, 10)
  .option('--json', 'one JSON object')
  .option('--save', 'keep the result in lab/results/bench')
  .action((options: CommentsOptions & Common) => report('comments', options, (log) => comments(options, log)));

program
  .command('ledger')
  .description(
    'durable gifts: how many a second, what one costs, how long its answer takes, beside one sync of the disk',
  )
  .option('--together <n>', 'gifts that wait at once, under load', Number, 512)
  .option('--rooms <n>', 'rooms', Number, 50)
  .option('--seconds <n>', 'measured seconds of each part', Number, 10)
  .option('--json', 'one JSON object')
  .option('--save', 'keep the result in lab/results/bench')
  .action((options: LedgerOptions & Common) => report('ledger', options, (log) => ledger(options, log)));

program
  .command('stream')
  .description('rooms of motion and voice over emulated links: CPU, bytes and lag beside no bundling and beside wss')
  .option('--rooms <n>', 'rooms, a liver each', Number, 40)
  .option('--viewers <n>', 'viewers a room', Number, 20)
  .option('--link <ms>', 'delay one way of each hop: 5 is 5 +- 2, 20 is 20 +- 5', Number, 5)
  .option('--seconds <n>', 'measured seconds of each case', Number, 20)
  .option('--wss-viewers <n>', 'viewers of the baseline', Number, 100)
  .option('--json', 'one JSON object')
  .option('--save', 'keep the result in lab/results/bench')
  .action((options: StreamOptions & Common) =>
    report(`stream-${options.link}`, options, (log) => stream(options, log)),
  );

program
  .command('lag-matrix')
  .description('many networks, some at a time on one relay: exact frames, voice gaps, lag, bytes, skew')
  .option('--seconds <n>', 'measured seconds', Number, 40)
  .option('--rooms <n>', 'rooms of a condition', Number, 2)
  .option('--viewers <n>', 'viewers of a room', Number, 4)
  .option('--together <n>', 'networks at a time', Number, 6)
  .option('--only <text...>', 'only networks whose name holds one of these', [])
  .option('--json', 'one JSON object')
  .option('--save', 'keep the result in lab/results/bench')
  .action((options: MatrixOptions & Common) => report('lag-matrix', options, (log) => matrix(options, log)));

program
  .command('hand-over')
  .description(
    'two relay processes with one liver on both: how long a viewer sees and hears nothing when its relay goes or dies',
  )
  .option('--how <how>', 'drain (SIGTERM) or kill (SIGKILL)', 'drain')
  .option('--runs <n>', 'relays that go', Number, 20)
  .option('--link <ms>', 'delay one way', Number, 10)
  .option('--known <n>', 'relays that the viewer knows: 2, or 1 as negative control', Number, 2)
  .option('--json', 'one JSON object')
  .option('--save', 'keep the result in lab/results/bench')
  .action((options: HandOverOptions & Common) =>
    report(`hand-over-${options.how}-${options.known}`, options, (log) => handOver(options, log)),
  );

program
  .command('conversation')
  .description('comment sent, seen by the liver, answered by voice, heard by that fan; beside no bundling')
  .option('--rooms <n>', 'rooms of each side, a liver each', Number, 10)
  .option('--viewers <n>', 'viewers a room', Number, 20)
  .option('--interactive <share>', 'of the viewers, who comment', Number, 0.1)
  .option('--link <ms>', 'delay one way of each hop, +- a quarter', Number, 20)
  .option('--seconds <n>', 'measured seconds', Number, 40)
  .option('--json', 'one JSON object')
  .option('--save', 'keep the result in lab/results/bench')
  .action((options: ConversationOptions & Common) =>
    report('conversation', options, (log) => conversation(options, log)),
  );

program
  .command('crowd')
  .description('many rooms on one relay: nothing lost, lag, memory, CPU of relay and load, gauges after everybody left')
  .option('--rooms <n>', 'rooms, a liver each', Number, 150)
  .option('--viewers <n>', 'viewers a room', Number, 20)
  .option('--link <ms>', 'delay one way of each hop, +- 40 %', Number, 5)
  .option('--seconds <n>', 'measured seconds', Number, 20)
  .option('--json', 'one JSON object')
  .option('--save', 'keep the result in lab/results/bench')
  .action((options: CrowdOptions & Common) => report('crowd', options, (log) => crowd(options, log)));

program
  .command('eight-livers')
  .description('rooms with eight livers, by voice of 64 kbit/s and over links of 64 kbit/s: sizes of bundles, loss')
  .option('--viewers <n>', 'viewers a room', Number, 4)
  .option('--seconds <n>', 'measured seconds', Number, 20)
  .option('--json', 'one JSON object')
  .option('--save', 'keep the result in lab/results/bench')
  .action((options: EightOptions & Common) => report('eight-livers', options, (log) => eight(options, log)));

program
  .command('trunk')
  .description(
    'rooms of one relay heard at another over an emulated ocean link with bursts of loss: bytes, drops, repair',
  )
  .option('--rooms <n>', 'rooms, a liver each', Number, 40)
  .option('--viewers <n>', 'viewers of each room at the far relay', Number, 1)
  .option('--ocean <ms>', 'one way, +- 2', Number, 65)
  .option('--burst <ms>', 'lost bursts, in the mean; 0.5 % of the time', Number, 15)
  .option('--ceiling-kbps <n>', 'of the congestion controller; 0: CUBIC', Number, 20_000)
  .option('--seed <n>', 'of the emulated losses', Number, 1)
  .option('--seconds <n>', 'measured seconds of each part', Number, 20)
  .option('--json', 'one JSON object')
  .option('--save', 'keep the result in lab/results/bench')
  .option('--no-cpu', 'without the parts that compare its CPU with that of viewers')
  .action((options: TrunkLoadOptions & Common) => report('trunk', options, (log) => trunkLoad(options, log)));

program
  .command('page-parts')
  .description(
    'what a page in Chromium spends on receiving, decoding, playout and drawing; fps; lag from face to screen',
  )
  .option('--seconds <n>', 'measured seconds of each case, once more with a profiler', Number, 12)
  .option('--json', 'one JSON object')
  .option('--save', 'keep the result in lab/results/bench')
  .action((options: PagePartsOptions & Common) => report('page-parts', options, (log) => pageParts(options, log)));

program
  .command('presence')
  .description(
    'one room whose members all listen to who comes and goes: bytes and CPU a member, by the size of the room',
  )
  .option('--members <n...>', 'sizes of rooms', (n, all: number[] = []) => [...all, Number(n)], undefined)
  .option('--per-second <n>', 'members who leave, and who come, a second', Number, 100)
  .option('--seconds <n>', 'measured seconds of each part', Number, 20)
  .option('--json', 'one JSON object')
  .option('--save', 'keep the result in lab/results/bench')
  .action((options: Partial<PresenceOptions> & Omit<PresenceOptions, 'members'> & Common) =>
    report('presence', options, (log) => presence({ members: [500, 5000], ...options }, log)),
  );

await program.parseAsync();
process.exit();
