import { GRANTED_ROLES, mintToken, type Role, readSharedKey } from '@hayate/relay';
import { Command, Option } from 'commander';
import { type DevTokenOptions, devRelay, devToken, stateDirOption } from '../target.ts';
import { numberFrom } from '../usage.ts';

interface TokenOptions {
  room: string;
  role: Role;
  sub: string;
  name?: string;
  ttl: number;
  keyFile?: string;
  stateDir: string;
  json?: true;
}

export function tokenCommand(): Command {
  return new Command('token')
    .description('Mint a token with a shared key: that of the running `hayate relay --dev`, or a key file.')
    .requiredOption('--room <name>', 'the room it opens')
    .addOption(
      new Option('--role <role>', 'what it allows').choices(['liver', 'viewer', 'moderator']).default('viewer'),
    )
    .requiredOption('--sub <id>', 'whom it names')
    .option('--name <text>', 'a name for people to read')
    .option('--ttl <seconds>', 'how long it opens', numberFrom(1, 31_536_000), 3600)
    .option('--key-file <path>', "the relay's shared key (default: the development relay's)")
    .addOption(stateDirOption())
    .option('--json', 'token, url and certificate hashes as one JSON line')
    .addHelpText('after', '\nExample:\n  hayate token --room demo --role liver --sub ann --ttl 600')
    .action(run);
}

async function run(options: TokenOptions): Promise<void> {
  const { room, role, sub, name, ttl, keyFile, stateDir, json } = options;
  const claims: DevTokenOptions = { room, role, sub, ttlSeconds: ttl, ...(name !== undefined && { name }) };
  const state = keyFile ? undefined : devRelay(stateDir);
  const token = state ? await devToken(state, claims) : await mintWith(keyFile!, claims);
  const where = state && { url: state.url, certificateHashes: state.certificateHashes };
  process.stdout.write(json ? `${JSON.stringify({ token, room, role, sub, ...where })}\n` : `${token}\n`);
}

function mintWith(keyFile: string, { role, ...claims }: DevTokenOptions): Promise<string> {
  return mintToken(readSharedKey(keyFile), { ...claims, roles: GRANTED_ROLES[role] });
}
