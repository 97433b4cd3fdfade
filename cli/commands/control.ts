import { isIP } from 'node:net';
import { MACHINE_ID, openTokens, readControlConfig, startControl } from '@hayate/fleet';
import { Command, InvalidArgumentError } from 'commander';
import { plain, printJson } from '../gifts-ledger.ts';
import { openLog } from '../log.ts';
import { onInterrupt } from '../until.ts';
import { BadNews } from '../usage.ts';

const CONFIG = '/etc/hayate/control.json';

interface ControlFlags {
  config: string;
  json?: boolean;
}

export function controlCommand(): Command {
  const command = new Command('control')
    .description('The control node of a cluster: lets machines in, orders and renews its certificate.')
    .option('--config <file>', 'JSON: docs/deploy.md has its keys', CONFIG)
    .option('--json', 'machines as JSON lines on standard output')
    .addHelpText(
      'after',
      `
Examples, on the control node:
  hayate control                                  serves until SIGTERM
  hayate control token --region jp jp-a-3         a token for one machine: once, within ten minutes
  hayate control machines
  hayate control revoke jp-a-3                    gets nothing more; its certificate ends by itself`,
    )
    .action(async ({ config }: ControlFlags) => {
      const log = openLog({ base: null });
      const control = await startControl(readControlConfig(config), log);
      log.info({ port: control.port }, 'control node serves');
      const interrupt = onInterrupt();
      await interrupt.wait();
      await control.close();
      interrupt.dispose();
    });
  command.addCommand(tokenCommand()).addCommand(machinesCommand()).addCommand(revokeCommand());
  return command;
}

function idFrom(text: string, before: string[] = []): string[] {
  if (!MACHINE_ID.test(text))
    throw new InvalidArgumentError('an id is lower-case letters, digits and dashes, as jp-a-1');
  return [...before, text];
}

function addressFrom(text: string): string {
  if (isIP(text) === 0) throw new InvalidArgumentError('an IPv4 or IPv6 address');
  return text;
}

function tokenCommand(): Command {
  return new Command('token')
    .description('A token for each machine, printed as one JSON object {ID: TOKEN}: for user_data.')
    .argument('<ids...>', 'relay ids', idFrom)
    .requiredOption('--region <code>', 'region code, as jp')
    .option('--address <ip>', 'the only address that may use it', addressFrom)
    .action((ids: string[], { region, address }: { region: string; address?: string }, command: Command) => {
      withTokens(command, (tokens) => {
        const issued = ids.map((id) => [id, tokens.issue({ id, region, ...(address !== undefined && { address }) })]);
        process.stdout.write(`${JSON.stringify(Object.fromEntries(issued))}\n`);
      });
    });
}

function machinesCommand(): Command {
  return new Command('machines').description('Machines that enrolled.').action((_: object, command: Command) => {
    withTokens(command, (tokens) => {
      for (const machine of tokens.machines()) {
        const { id, region, address, enrolledMs, revoked } = machine;
        const words = [id, region, address, new Date(enrolledMs).toISOString(), ...(revoked ? ['revoked'] : [])];
        if (command.optsWithGlobals<ControlFlags>().json) printJson(machine);
        else process.stdout.write(`${words.map(plain).join('  ')}\n`);
      }
    });
  });
}

function revokeCommand(): Command {
  return new Command('revoke')
    .description('A machine gets no more certificates and files.')
    .argument('<id>')
    .action((id: string, _: object, command: Command) => {
      withTokens(command, (tokens) => {
        if (!tokens.revoke(id)) throw new BadNews(`no machine ${id} is in`);
      });
    });
}

function withTokens(command: Command, use: (tokens: ReturnType<typeof openTokens>) => void): void {
  const tokens = openTokens(readControlConfig(command.optsWithGlobals<ControlFlags>().config));
  try {
    use(tokens);
  } finally {
    tokens.close();
  }
}
