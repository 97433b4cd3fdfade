import type { Amendment, SqliteLedger } from '@hayate/relay/ledger';
import { Command, InvalidArgumentError } from 'commander';
import {
  addLedgerOptions,
  type LedgerOptions,
  plain,
  printJson,
  progress,
  withLedger,
  withSnapshot,
} from '../gifts-ledger.ts';
import { BadNews, UsageError } from '../usage.ts';
import { lineOf } from './gifts-read.ts';

const PAGE = 1000;

export function deadCommand(): Command {
  const command = new Command('dead')
    .description('Dead letters: records that the webhook gave up. They stay until they are delivered.')
    .action(async (options: LedgerOptions) => {
      await withSnapshot(options, (snapshot) => {
        let count = 0;
        for (const record of snapshot.records({ status: 'dead' })) {
          count++;
          if (options.json) printJson(record);
          else process.stdout.write(`${lineOf(record)}  ${record.attempts} attempts\n`);
        }
        if (!options.json) process.stderr.write(`${count} dead letters\n`);
      });
    });
  return addLedgerOptions(command);
}

export function redeliverCommand(): Command {
  const command = new Command('redeliver')
    .description('Put records back into the outbox, dead or delivered. A running relay sees them within a minute.')
    .argument('[ids...]', 'ids of records', integers)
    .option('--dead', 'all dead letters')
    .action(async (ids: number[], options: LedgerOptions & { dead?: true }) => {
      if (ids.length > 0 === (options.dead === true)) throw new UsageError('redeliver wants ids, or --dead');
      const redelivered = await withLedger(options, (ledger) =>
        options.dead ? reviveAll(ledger) : revive(ledger, ids),
      );
      if (options.json) printJson({ redelivered });
      else process.stdout.write(`${redelivered} records wait for delivery again\n`);
      if (redelivered < new Set(ids).size) throw new BadNews(`${new Set(ids).size - redelivered} ids do not exist`);
    });
  return addLedgerOptions(command);
}

function integers(text: string, before: number[] = []): number[] {
  const id = Number(text);
  if (!Number.isSafeInteger(id) || id < 1) throw new InvalidArgumentError('It wants ids: integers from 1.');
  return [...before, id];
}

async function revive(ledger: SqliteLedger, ids: readonly number[]): Promise<number> {
  let count = 0;
  const wanted = [...new Set(ids)];
  for (let at = 0; at < wanted.length; at += PAGE) count += await ledger.redeliver(wanted.slice(at, at + PAGE));
  return count;
}

async function reviveAll(ledger: SqliteLedger): Promise<number> {
  const shown = progress();
  let count = 0;
  let after = 0;
  for (;;) {
    const page = await ledger.deadLetters(after, PAGE);
    if (page.length === 0) break;
    after = page.at(-1)!.record.id;
    count += await ledger.redeliver(page.map(({ record }) => record.id));
    shown.tell(`${count} records`);
  }
  shown.end();
  return count;
}

interface AmendOptions extends LedgerOptions {
  reason: string;
  key: string;
}

function amendCommand(name: string, description: string): Command {
  const command = new Command(name)
    .description(description)
    .argument('<jti>', 'of the gift')
    .requiredOption('--reason <text>', 'for the books')
    .requiredOption('--key <key>', 'single use: the same command again has no second effect');
  return addLedgerOptions(command);
}

export function voidCommand(): Command {
  return amendCommand(
    'void',
    'Take back all of a gift, as if it had never counted. A record of its own; nothing is erased.',
  ).action((gift: string, options: AmendOptions) =>
    amend({ kind: 'void', gift, key: options.key, reason: options.reason }, options),
  );
}

export function refundCommand(): Command {
  return amendCommand('refund', 'Take back a part of a gift, or all that is left of it.')
    .requiredOption('--amount <n>', "in the currency's minor unit", (text) => integers(text)[0])
    .action((gift: string, options: AmendOptions & { amount: number }) => {
      const { key, reason, amount } = options;
      return amend({ kind: 'refund', gift, key, reason, amount }, options);
    });
}

async function amend(amendment: Amendment, options: LedgerOptions): Promise<void> {
  const receipt = await withLedger(options, (ledger) => ledger.amend(amendment, Date.now()));
  if (options.json) {
    printJson(receipt);
    return;
  }
  const again = receipt.repeat ? ' (it was before: nothing new was written)' : '';
  process.stdout.write(`${amendment.kind} of ${plain(amendment.gift)} is record ${receipt.id}${again}\n`);
}
