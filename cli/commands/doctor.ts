import { Command } from 'commander';
import { examine } from '../doctor/doctor.ts';
import type { Finding, Level } from '../doctor/finding.ts';
import { plain, printJson } from '../gifts-ledger.ts';
import { addRelayOptions, relayFlags } from '../relay-process.ts';
import { ExitWith } from '../usage.ts';

export function doctorCommand(): Command {
  const command = new Command('doctor')
    .description(
      'Looks at what a relay or the fleet needs of this machine: ports, buffers, clock, certificates, keys, disk, NATS, the API of Linode. Takes the settings that the relay takes.',
    )
    .option('--json', 'a JSON line a finding')
    .addHelpText(
      'after',
      `
--config takes a relay's file or the fleet's. Run it as the user and where the service runs. Exit code 1: something fails.

Examples:
  hayate doctor --dev
  sudo -u hayate hayate doctor --config /etc/hayate/relay.json
  hayate doctor --config /etc/hayate/fleet.json --json`,
    )
    .action(async (options: Record<string, unknown>, command: Command) => {
      const counts: Record<Level, number> = { ok: 0, warn: 0, fail: 0, skip: 0 };
      const file = options['config'] as string | undefined;
      const version = command.parent?.version() ?? '';
      for await (const finding of examine({ file, flags: relayFlags(options), env: process.env, version })) {
        counts[finding.level] += 1;
        if (options['json'] === true) printJson(finding);
        else process.stdout.write(textOf(finding));
      }
      const { ok, warn, fail, skip } = counts;
      if (options['json'] !== true) {
        process.stdout.write(`\n${ok} ok, ${warn} to look at, ${fail} failed, ${skip} not looked at\n`);
      }
      if (fail > 0) throw new ExitWith(1);
    });
  return addRelayOptions(command);
}

function textOf({ check, level, found, advice }: Finding): string {
  const line = `${level.padEnd(5)} ${check.padEnd(26)} ${plain(found)}\n`;
  return advice === undefined ? line : `${line}      ${plain(advice)}\n`;
}
