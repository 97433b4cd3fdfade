import { agree } from '@hayate/fleet';
import { Command } from 'commander';
import { printJson } from '../gifts-ledger.ts';
import { numberFrom } from '../usage.ts';

export function enrolCommand(): Command {
  return new Command('enrol')
    .description(
      'Make this machine a relay of its cluster: exchanges the token in enrol.json for keys and settings, and at later runs renews its certificate and takes what has changed.',
    )
    .option('--dir <folder>', 'has enrol.json, gets the rest', '/etc/hayate')
    .option('--wait <s>', 'how long a control node that does not answer is waited for', numberFrom(0, 3600), 0)
    .option('--json', 'one JSON object: names of the files that changed')
    .action(async ({ dir, wait, json }: { dir: string; wait: number; json?: boolean }) => {
      const log = (text: string) => process.stderr.write(`${text}\n`);
      const { changed } = await agree({ dir, waitMs: wait * 1000, log });
      if (json) printJson({ changed });
      else process.stdout.write(changed.length > 0 ? `changed: ${changed.join(', ')}\n` : 'nothing changed\n');
    });
}
