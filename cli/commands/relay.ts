import { Command } from 'commander';
import { addRelayOptions, relayConfig, runRelay } from '../relay-process.ts';

export function relayCommand(): Command {
  const command = new Command('relay')
    .description(
      'Run a relay. Every setting is a flag, an environment variable and a key of the file: docs/configuration.md.',
    )
    .option('--json', 'events as JSON lines on standard output')
    .addHelpText(
      'after',
      '\nExamples:\n  hayate relay --dev\n  hayate relay --certificate-cert-file cert.pem --certificate-key-file key.pem --token-key-file token.key\n\nSIGTERM drains, a second one ends at once.',
    )
    .action((options: Record<string, unknown>) => runRelay(relayConfig(options), { json: options['json'] === true }));
  return addRelayOptions(command);
}
