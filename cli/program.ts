import { HayateError } from '@hayate/codec/errors';
import { withoutSecrets } from '@hayate/relay';
import { Command, CommanderError } from 'commander';
import { clusterCommand } from './commands/cluster.ts';
import { codecBenchCommand } from './commands/codec-bench.ts';
import { controlCommand } from './commands/control.ts';
import { demoCommand } from './commands/demo.ts';
import { doctorCommand } from './commands/doctor.ts';
import { enrolCommand } from './commands/enrol.ts';
import { fleetCommand } from './commands/fleet.ts';
import { giftCommand } from './commands/gift.ts';
import { giftsCommand } from './commands/gifts.ts';
import { linkCommand } from './commands/link.ts';
import { loadtestCommand } from './commands/loadtest.ts';
import { publishCommand } from './commands/publish.ts';
import { relayCommand } from './commands/relay.ts';
import { roomsCommand } from './commands/rooms.ts';
import { tokenCommand } from './commands/token.ts';
import { watchCommand } from './commands/watch.ts';
import { BadNews, ExitWith, UsageError } from './usage.ts';

export const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

const EXAMPLES = `
Examples:
  hayate demo                                            relay, page and a liver; open the printed address
  hayate demo --regions                                  Tokyo and Chicago side by side, an emulated ocean between
  hayate relay --dev                                     a relay for this machine; the verbs below find it
  hayate doctor --config relay.json                      what this machine lacks for that relay
  hayate publish --room demo face.csv --loop             a Live Link Face recording into the room
  hayate watch --room demo --seconds 5                   a line a frame, then a summary
  hayate watch --room demo --link 'delay=35,jitter=5,loss=2%'
  hayate token --room demo --role viewer --sub ann       a token for elsewhere
  hayate gift --room demo --item star --amount 100       a gift, to the first liver of the room
  hayate link --listen 127.0.0.1:5000 --to 127.0.0.1:4433 --up delay=60 --down delay=10
  hayate gifts reconcile --from 2026-01-31 --to 2026-01-31   ledger against deliveries; gifts --help has more
  hayate rooms ban demo ann --seconds 3600               who may be where; rooms --help has more
  hayate fleet images list                               VM images of relays; fleet images --help has more
  hayate cluster links                                   relays that are one service; cluster --help has more
  hayate codec-bench face.csv --profile std              bytes, errors and losses of the motion codec

  hayate loadtest run test.ts --vus 10 --duration 30s    k6-style load test, exit codes as k6's

Exit codes: 0 done, 1 failed, 2 wrong usage.`;

function createProgram(): Command {
  const program = new Command('hayate')
    .description('Relay, publish and watch motion live.')
    .version('0.1.0')
    .addHelpText('after', EXAMPLES)
    .showHelpAfterError('(--help shows the flags)');
  const commands = [
    demoCommand,
    relayCommand,
    doctorCommand,
    publishCommand,
    watchCommand,
    tokenCommand,
    giftCommand,
    linkCommand,
    giftsCommand,
    loadtestCommand,
    roomsCommand,
    clusterCommand,
    controlCommand,
    enrolCommand,
    fleetCommand,
    codecBenchCommand,
  ];
  for (const create of commands) program.addCommand(create());
  // Before the actions run: so every wrong flag ends here and not in process.exit().
  overrideExit(program);
  return program;
}

function overrideExit(command: Command): void {
  command.exitOverride();
  // It repeats what it did not understand, which may have been a secret in the wrong place.
  command.configureOutput({ outputError: (text, write) => write(withoutSecrets(text)) });
  for (const each of command.commands) overrideExit(each);
}

/** Runs one verb; resolves with the process's exit code. `args` without node and script. */
export async function main(args: string[]): Promise<number> {
  try {
    await createProgram().parseAsync(args, { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (error instanceof ExitWith) return error.exitCode;
    if (error instanceof UsageError || error instanceof BadNews) {
      complain(error.message);
      return error instanceof UsageError ? EXIT.usage : EXIT.failed;
    }
    complain(
      error instanceof HayateError ? `${error.message} (${error.code})` : String((error as Error).stack ?? error),
    );
    for (let cause = (error as Error).cause; cause instanceof Error; cause = cause.cause) {
      process.stderr.write(`  because: ${withoutSecrets(cause.message)}\n`);
    }
    if (error instanceof HayateError && error.code === 'bind_failed') {
      process.stderr.write(
        '  is another relay running? --listen-port, --http-port, --metrics-port and --api-port take 0 for a free one\n',
      );
    }
    return EXIT.failed;
  }
}

/** Arguments and files come back in errors' texts, and with them what somebody pasted there by mistake. */
function complain(text: string): void {
  process.stderr.write(`hayate: ${withoutSecrets(text)}\n`);
}
