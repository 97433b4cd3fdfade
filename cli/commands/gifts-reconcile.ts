import {
  type AgainstReport,
  type DayRow,
  type Reconciliation,
  readBooked,
  reconcile,
  type Sum,
} from '@hayate/relay/books';
import { Command } from 'commander';
import {
  addLedgerOptions,
  addTimeOptions,
  type LedgerOptions,
  plain,
  printJson,
  progress,
  type TimeOptions,
  timeQuery,
  withSnapshot,
} from '../gifts-ledger.ts';
import { BadNews } from '../usage.ts';

const MAX_SHOWN = 20;

interface ReconcileOptions extends LedgerOptions, TimeOptions {
  against?: string;
  strict?: true;
}

export function reconcileCommand(): Command {
  const command = new Command('reconcile')
    .description('Compare what was claimed with what was delivered, by liver and day. Exit code 1 on a difference.')
    .option('--against <file>', "the backend's own records, CSV or JSON lines: idempotencyKey, amount, currency")
    .option('--strict', 'what waits or is dead is a difference too')
    .action(run);
  return addLedgerOptions(addTimeOptions(command));
}

async function run(options: ReconcileOptions): Promise<void> {
  const { query, days } = timeQuery(options);
  const booked = options.against === undefined ? undefined : await readBooked(options.against);
  const shown = progress();
  const result = await withSnapshot(options, (snapshot) => {
    shown.tell('checking the ledger');
    snapshot.verify();
    return reconcile(snapshot, {
      query,
      days,
      strict: options.strict === true,
      ...(booked && { booked }),
      onProgress: (records) => shown.tell(`${records} records`),
    });
  });
  shown.end();
  if (options.json) printJson(result);
  else process.stdout.write(`${table(result)}\n`);
  if (!result.equal) throw new BadNews('the ledger and the deliveries differ');
}

function table({ rows, orphans, against }: Reconciliation): string {
  const head = ['day', 'liver', 'currency', 'ledger', 'delivered', 'waiting', 'dead', 'difference'];
  const cells = rows.map((row) => [row.day, plain(row.liver), row.currency, ...sums(row)]);
  const widths = head.map((word, at) => Math.max(word.length, ...cells.map((line) => line[at]!.length)));
  const lines = [head, ...cells].map((line) =>
    line
      .map((word, at) => word.padEnd(widths[at]!))
      .join('  ')
      .trimEnd(),
  );
  if (orphans > 0) lines.push(`${orphans} deliveries of records that are not in the ledger`);
  return [...lines, ...(against ? findings(against) : [])].join('\n');
}

function sums({ ledger, delivered, waiting, dead, difference }: DayRow): string[] {
  return [ledger, delivered, waiting, dead, difference].map(({ records, amount }: Sum) =>
    records === 0 ? '-' : `${amount} (${records})`,
  );
}

function findings({ missing, extra, differing, doubled, notYet }: AgainstReport): string[] {
  const kinds = [
    ['delivered but not booked', missing],
    ['booked but not in the ledger', extra],
    ['booked with another amount or currency', differing],
    ['booked more than once', doubled],
  ] as const;
  const lines = kinds.flatMap(([name, { count, examples }]) => [
    `${name}: ${count}`,
    ...examples.slice(0, MAX_SHOWN).map(({ idempotencyKey, id, ledger, backend }) => {
      const words = [
        id && `record ${id}`,
        ledger !== undefined && `ledger ${ledger}`,
        backend !== undefined && `backend ${backend}`,
      ];
      return `  ${plain(idempotencyKey)}  ${words.filter(Boolean).join('  ')}`;
    }),
  ]);
  return [...lines, `not delivered yet and not booked: ${notYet}`];
}
