import { Command } from 'commander';
import { plain, printJson } from '../gifts-ledger.ts';
import { addServiceOptions, ServiceApi, type ServiceOptions } from '../service-api.ts';
import { UsageError } from '../usage.ts';

interface ReleaseOptions extends ServiceOptions {
  giftsRecovered?: true;
  abandonGifts?: true;
  yes?: true;
  by: string;
}

export function fleetReleaseCommand(): Command {
  const command = new Command('release')
    .description(
      'Gives up a machine that is lost for good: it is deleted, and its disk with it. Asks the instance that leads.',
    )
    .argument('<label>', "the machine's label, or its relay's id")
    .option('--gifts-recovered', 'all gifts on its disk are elsewhere: taken off it, or in NATS (docs/gifts.md)')
    .option('--abandon-gifts', 'gifts that only its disk has are lost for ever')
    .option('--yes', 'means it: this cannot be undone')
    .option('--by <name>', 'who does it, for the log', 'cli')
    .addHelpText(
      'after',
      '\nRefused unless `hayate fleet status` shows it as lost. One whose relay is heard again before it is gone stays.',
    )
    .action(async (label: string, { giftsRecovered, abandonGifts, yes, by, ...service }: ReleaseOptions) => {
      if (Boolean(giftsRecovered) === Boolean(abandonGifts)) {
        throw new UsageError('say either --gifts-recovered or --abandon-gifts');
      }
      const gifts = giftsRecovered ? 'recovered' : 'abandoned';
      if (!yes) {
        const said = abandonGifts
          ? 'gifts that only its disk has are lost for ever'
          : 'you say that its gifts are elsewhere';
        throw new UsageError(`deletes machine ${label} with its disk, for good; ${said}. Nothing was done: add --yes`);
      }
      const body = { machine: label, gifts, by };
      const answer = await new ServiceApi(service).call<{ label: string }>(['release'], { method: 'POST', body });
      if (service.json) return printJson(answer);
      process.stdout.write(`${plain(answer.label)} is given up: it is deleted at the next look\n`);
    });
  return addServiceOptions(command);
}
