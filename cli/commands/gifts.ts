import { Command } from 'commander';
import { backupCommand, restoreCommand } from './gifts-backup.ts';
import { deadCommand, redeliverCommand, refundCommand, voidCommand } from './gifts-change.ts';
import { exportCommand, listCommand } from './gifts-read.ts';
import { reconcileCommand } from './gifts-reconcile.ts';

export function giftsCommand(): Command {
  const command = new Command('gifts')
    .description(
      'The ledger of gifts: read, deliver again, take back, reconcile, back up. Works beside a running relay.',
    )
    .addHelpText(
      'after',
      `
Examples:
  hayate gifts list --from 2026-01-31 --liver mio
  hayate gifts export --from 2026-01-01 --to 2026-01-31 --format csv --out january.csv
  hayate gifts reconcile --from 2026-01-31 --to 2026-01-31 --tz Asia/Tokyo --against booked.csv
  hayate gifts redeliver --dead
  hayate gifts refund JTI --amount 50 --reason asked --key refund-1
  hayate gifts backup /mnt/backup/ledger-20260131.db

--ledger names the file; without it, ledger.db in --state-dir.`,
    );
  const verbs = [
    listCommand,
    exportCommand,
    reconcileCommand,
    deadCommand,
    redeliverCommand,
    voidCommand,
    refundCommand,
    backupCommand,
    restoreCommand,
  ];
  for (const create of verbs) command.addCommand(create());
  return command;
}
