import { backupLedger, restoreLedger } from '@hayate/relay/books';
import { Command } from 'commander';
import { addLedgerOptions, type LedgerOptions, ledgerFile, printJson, progress } from '../gifts-ledger.ts';

export function backupCommand(): Command {
  const command = new Command('backup')
    .description(
      'Copy the ledger, as it is at one moment, to a new file, and check all of the copy. Relays go on meanwhile.',
    )
    .argument('<file>', 'a new file; best on another disk')
    .action(async (file: string, options: LedgerOptions) => {
      const shown = progress();
      const onProgress = (done: number) => shown.tell(`${Math.round(done * 100)} % copied`);
      const copied = await backupLedger(ledgerFile(options), file, { onProgress });
      shown.end();
      if (options.json) printJson({ file, ...copied });
      else process.stdout.write(`${copied.records} records in ${file}, checked\nsha-256  ${copied.sha256}\n`);
    });
  return addLedgerOptions(command);
}

export function restoreCommand(): Command {
  const command = new Command('restore')
    .description(
      'Check a backup and put it in the place of a ledger that is gone. Stop the relay before. Overwrites nothing.',
    )
    .argument('<backup>', 'what `hayate gifts backup` wrote')
    .option('--accept-loss', 'also when the witness says that the ledger before had more records')
    .action((backup: string, options: LedgerOptions & { acceptLoss?: true }) => {
      const path = ledgerFile(options);
      const restored = restoreLedger(backup, path, { acceptLoss: options.acceptLoss === true });
      if (options.json) printJson({ file: path, ...restored });
      else {
        const lost = restored.lost > 0 ? `, ${restored.lost} records given up` : '';
        process.stdout.write(`${restored.records} records in ${path}, checked${lost}\n`);
      }
    });
  return addLedgerOptions(command);
}
