import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ControlConfig, ImageWorkshop, openLinode, openTokens, readControlConfig } from '@hayate/fleet';
import { Command } from 'commander';
import { plain, printJson } from '../gifts-ledger.ts';
import { numberFrom, UsageError } from '../usage.ts';

const CONFIG = '/etc/hayate/control.json';
const NANODE = 'g6-nanode-1';
const MAX_ID = 2 ** 31;

interface Flags {
  config: string;
  json?: boolean;
}

/** Of the machine that is made for it. */
interface MachineFlags {
  region: string;
  type: string;
  firewall?: number;
}

interface CaptureFlags extends MachineFlags {
  release: string;
  sha256: string;
  label: string;
}

interface CanaryFlags extends MachineFlags {
  code: string;
  url: string;
}

function addMachineOptions(command: Command): Command {
  return command
    .requiredOption('--region <id>', 'of Linode, as jp-tyo-3')
    .option('--type <id>', 'of the machine', NANODE)
    .option('--firewall <id>', 'that it stands behind', numberFrom(1, MAX_ID));
}

const machineOf = ({ region, type, firewall }: MachineFlags) => ({
  ...{ region, type },
  ...(firewall !== undefined && { firewallId: firewall }),
});

export function imagesCommand(): Command {
  const command = new Command('images')
    .description('Images of relays at Linode: a machine made of one has the release and downloads nothing.')
    .option('--config <file>', 'JSON: docs/deploy.md has its keys', CONFIG)
    .option('--json', 'images as JSON lines on standard output')
    .addHelpText(
      'after',
      `
Examples, on the control node:
  hayate fleet images capture --release URL --sha256 SUM --label hayate-0.1.0 --region jp-tyo-3
  hayate fleet images replicate private/123 us-ord
  hayate fleet images canary private/123 --region us-ord --code us --url https://203.0.113.7:8443
  hayate fleet images list
  hayate fleet images prune --keep 2 --dry-run`,
    );
  return command
    .addCommand(captureCommand())
    .addCommand(replicateCommand())
    .addCommand(canaryCommand())
    .addCommand(listCommand())
    .addCommand(pruneCommand());
}

function captureCommand(): Command {
  return addMachineOptions(new Command('capture'))
    .description('Installs a release in a machine of its own, takes its image and deletes it. Prints the image.')
    .requiredOption('--release <url>', 'the archive')
    .requiredOption('--sha256 <sum>', 'its checksum')
    .requiredOption('--label <label>', 'of the image')
    .action(async (flags: CaptureFlags, command: Command) => {
      const { release: url, sha256, label } = flags;
      const { workshop } = open(command);
      const image = await workshop.capture({ ...machineOf(flags), label, release: { url, sha256 } });
      process.stdout.write(`${image.id}\n`);
    });
}

function replicateCommand(): Command {
  return new Command('replicate')
    .description('Copies an image to more regions, and waits until it is there.')
    .argument('<image>', 'as private/123')
    .argument('<regions...>', 'of Linode, as us-ord')
    .action(async (image: string, regions: string[], _: object, command: Command) => {
      await open(command).workshop.replicate(image, regions);
    });
}

function canaryCommand(): Command {
  return addMachineOptions(new Command('canary'))
    .description('Makes one relay of an image, waits until it enrolled, puts it out and deletes it: before a roll.')
    .argument('<image>', 'as private/123')
    .requiredOption('--code <code>', 'region code: whose settings it gets, as us')
    .requiredOption('--url <url>', 'of this control node, as machines reach it')
    .action(async (image: string, flags: CanaryFlags, command: Command) => {
      const { code, url } = flags;
      const { config, workshop } = open(command);
      if (!config.relays[code]) throw new UsageError(`relays of the configuration has no ${code}`);
      const tokens = openTokens(config);
      try {
        await workshop.canary({
          ...machineOf(flags),
          ...{ image, code, url, tokens, labelPrefix: config.linode.labelPrefix },
          ca: readFileSync(config.authority.certFile, 'utf8'),
        });
      } finally {
        tokens.close();
      }
    });
}

function listCommand(): Command {
  return new Command('list')
    .description('Images, newest first: whether a canary of each enrolled, and which machines were made of it.')
    .action(async (_: object, command: Command) => {
      for (const { image, passed, usedBy } of await open(command).workshop.list()) {
        const { id, label, created, status, regions } = image;
        const at = new Date(created).toISOString();
        if (command.optsWithGlobals<Flags>().json)
          printJson({ id, label, created: at, status, passed, regions, usedBy });
        else {
          const places = regions.map((each) =>
            each.status === 'available' ? each.region : `${each.region} (${each.status})`,
          );
          const words = [id, label, at, passed ? 'passed' : 'not tried', places.join(','), `${usedBy.length} machines`];
          process.stdout.write(`${words.map(plain).join('  ')}\n`);
        }
      }
    });
}

function pruneCommand(): Command {
  return new Command('prune')
    .description('Deletes old images, but for those in use, the newest that passed, and what is still to be tried.')
    .option('--keep <n>', 'images that passed', numberFrom(1, 1000), 2)
    .option('--dry-run', 'say what would be deleted')
    .action(async ({ keep, dryRun }: { keep: number; dryRun?: boolean }, command: Command) => {
      await open(command).workshop.prune({ keep, dryRun: dryRun === true });
    });
}

function open(command: Command) {
  const config = readControlConfig(command.optsWithGlobals<Flags>().config);
  const { linode } = config;
  if (!linode) throw new UsageError('the configuration has no section linode');
  const workshop = new ImageWorkshop({
    ...{ linode: openLinode(linode), clock: { nowMs: () => Date.now(), sleep: (ms) => sleep(ms) } },
    ...{ randomId: () => randomBytes(4).toString('hex'), log: (text) => process.stderr.write(`${plain(text)}\n`) },
  });
  return { config: { ...config, linode } satisfies ControlConfig, workshop };
}
