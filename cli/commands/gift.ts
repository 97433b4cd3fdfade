import { connectRoom, type GiftReceipt, type RelayTarget, type Room } from '@hayate/client';
import { HayateError } from '@hayate/codec/errors';
import { Command } from 'commander';
import { openDialler } from '../connector.ts';
import { addTargetOptions, devRelay, devToken, findTarget, type TargetOptions } from '../target.ts';
import { onInterrupt } from '../until.ts';
import { numberFrom, UsageError } from '../usage.ts';

interface GiftCommandOptions extends TargetOptions {
  ticket?: string;
  item: string;
  amount: number;
  currency: string;
  liver?: string;
  sub: string;
  wait: number;
  json?: true;
}

export function giftCommand(): Command {
  const command = new Command('gift')
    .description('Give a gift: has the development relay sign a ticket, submits it, waits for the durable answer.')
    .option('--item <id>', 'what is given', 'star')
    .option('--amount <n>', "in the currency's minor unit", numberFrom(1, Number.MAX_SAFE_INTEGER), 100)
    .option('--currency <code>', 'ISO 4217', 'JPY')
    .option('--liver <id>', 'who gets it (default: the first liver of the room)')
    .option('--sub <id>', 'who gives', `cli-giver-${process.pid}`)
    .option('--ticket <jwt>', "a ticket of the app's backend instead; for the bearer of --token")
    .option(
      '--wait <seconds>',
      'give up after so long; the same ticket may then be given again',
      numberFrom(0.1, 86_400),
      30,
    )
    .option('--json', 'ticket and receipt as one JSON line')
    .addHelpText('after', '\nExample:\n  hayate gift --room demo --item star --amount 100 --json')
    .action(run);
  return addTargetOptions(command);
}

async function run(options: GiftCommandOptions): Promise<void> {
  const { room: name, wait, json } = options;
  if (options.url && options.ticket === undefined) throw new UsageError('--url wants --ticket');
  const interrupt = onInterrupt();
  const target = await targetOf(options);
  const dialler = openDialler({ url: target.url, stateDir: options.stateDir });
  const room = connectRoom(target, { connector: dialler.connector, signal: interrupt.signal, giveUpMs: wait * 1000 });
  try {
    const ticket = options.ticket ?? (await mint(room, options));
    const receipt = await room.gift(ticket, { timeoutMs: wait * 1000 });
    if (json) process.stdout.write(`${JSON.stringify({ room: name, ticket, ...receipt })}\n`);
    else process.stdout.write(wordsOf(receipt, name));
  } finally {
    room.close();
    await dialler.close();
    interrupt.dispose();
  }
}

function targetOf(options: GiftCommandOptions): Promise<RelayTarget> | RelayTarget {
  if (options.url || options.token !== undefined || options.tokenFile !== undefined)
    return findTarget(options, 'viewer');
  const state = devRelay(options.stateDir);
  const { room, sub } = options;
  const token = () => devToken(state, { room, role: 'viewer', sub });
  return { url: state.url, token, certificateHashes: options.hash ?? state.certificateHashes };
}

/** The backend's part: here the development relay signs for anybody. */
async function mint(room: Room, options: GiftCommandOptions): Promise<string> {
  const { item, amount, currency } = options;
  const { subject, room: name } = await room.ready;
  const liver = options.liver ?? room.livers.values().next().value?.subject;
  if (liver === undefined) throw new UsageError('nobody is live in this room: say with --liver who gets it');
  const answer = await fetch(`${devRelay(options.stateDir).httpAddress}/v1/gifts/tickets`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ room: name, sub: subject, liver, item, amount, currency }),
  });
  const { ticket, message } = (await answer.json()) as { ticket?: string; message?: string };
  if (ticket === undefined) throw new HayateError('invalid_argument', `no ticket: ${message ?? answer.status}`);
  return ticket;
}

function wordsOf({ number, gift, atMs, repeat }: GiftReceipt, room: string): string {
  const when = new Date(atMs).toISOString();
  const place = number === undefined ? `room ${room}` : `number ${number} of room ${room}`;
  const entry = gift === undefined ? 'not in the ledger of its region yet' : `${gift} of the ledger`;
  return `taken${repeat ? ' before' : ''}: ${place}, ${entry}, ${when}\n`;
}
