import type { Shifted } from '@hayate/fleet';
import { Command, InvalidArgumentError } from 'commander';
import { plain, printJson } from '../gifts-ledger.ts';
import { addServiceOptions, ServiceApi, type ServiceOptions } from '../service-api.ts';

interface ShiftOptions extends ServiceOptions {
  from: string;
  to: string;
  percent: number;
  region?: string;
  dryRun?: true;
}

function percentOf(text: string): number {
  const percent = Number(text);
  if (text.trim() === '' || !(percent >= 0 && percent <= 100)) throw new InvalidArgumentError('wants 0 to 100');
  return percent;
}

export function fleetShiftCommand(): Command {
  const command = new Command('shift')
    .description('Moves relays from one provider to another: new ones come first, then the others drain.')
    .requiredOption('--from <provider>', 'which gives relays up')
    .requiredOption('--to <provider>', 'which gets them')
    .requiredOption(
      '--percent <0-100>',
      'of what both have together, that the second has then; 0 takes it back',
      percentOf,
    )
    .option('--region <code>', 'this one alone')
    .option('--dry-run', 'says what would change, and changes nothing')
    .addHelpText('after', '\nAny instance may be asked. `hayate fleet status` shows how far it is.')
    .action(async ({ from, to, percent, region, dryRun, ...service }: ShiftOptions) => {
      const body = { from, to, percent, ...(region !== undefined && { region }), ...(dryRun && { dryRun }) };
      const answer = await new ServiceApi(service).call<Shifted>(['shift'], { method: 'POST', body });
      if (service.json) return printJson(answer);
      for (const [code, { before, after, relays }] of Object.entries(answer.regions)) {
        const [was, is] = [before, after].map((shares) =>
          [from, to].map((name) => `${plain(name)} ${Math.round(10 * (shares[name] ?? 0)) / 10} %`).join(', '),
        );
        process.stdout.write(`${plain(code)}  ${was} -> ${is}  ${relays} relays to move\n`);
      }
      if (answer.dryRun) process.stdout.write('nothing was changed\n');
    });
  return addServiceOptions(command);
}
