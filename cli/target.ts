import { readFileSync } from 'node:fs';
import type { RelayTarget } from '@hayate/client';
import {
  DEFAULT_STATE_DIR,
  type DevState,
  GRANTED_ROLES,
  mintToken,
  type Role,
  readDevState,
  readSharedKey,
} from '@hayate/relay';
import { type Command, Option } from 'commander';
import { UsageError } from './usage.ts';

export interface TargetOptions {
  room: string;
  url?: string;
  token?: string;
  tokenFile?: string;
  hash?: string[];
  stateDir: string;
}

/** The flags that say which relay; none are needed where `hayate relay --dev` runs. */
export function addTargetOptions(command: Command): Command {
  return command
    .requiredOption('--room <name>', 'the room')
    .option('--url <url>', 'relay, https://HOST:PORT/v1 (default: the running `hayate relay --dev`)')
    .addOption(new Option('--token <jwt>', 'token; shows in process lists').env('HAYATE_TOKEN'))
    .option('--token-file <path>', 'file with the token')
    .option('--hash <hex...>', "SHA-256 of the relay's certificate, for self-made ones")
    .addOption(stateDirOption());
}

export function stateDirOption(): Option {
  return new Option('--state-dir <dir>', 'where `hayate relay --dev` keeps its state')
    .env('HAYATE_RELAY_STATE_DIR')
    .default(DEFAULT_STATE_DIR);
}

/** The development relay, or a usage error that says how to get one. */
export function devRelay(stateDir: string): DevState {
  const state = readDevState(stateDir);
  if (!state) {
    throw new UsageError(
      `no development relay runs in ${stateDir}: start \`hayate relay --dev\`, or give --url and --token`,
    );
  }
  return state;
}

/** Relay, certificate and token, from the flags or the development relay. */
export async function findTarget(options: TargetOptions, role: Role): Promise<RelayTarget> {
  const { url, hash } = options;
  const token = options.tokenFile ? readFileSync(options.tokenFile, 'utf8').trim() : options.token;
  if (url) {
    if (token === undefined) throw new UsageError('--url wants --token, --token-file or HAYATE_TOKEN');
    return { url, token, ...(hash && { certificateHashes: hash }) };
  }
  const state = devRelay(options.stateDir);
  return {
    url: state.url,
    token: token ?? (() => devToken(state, { room: options.room, role, sub: `cli-${role}-${process.pid}` })),
    certificateHashes: hash ?? state.certificateHashes,
  };
}

export interface DevTokenOptions {
  room: string;
  role: Role;
  sub: string;
  name?: string;
  ttlSeconds?: number;
}

export function devToken(state: DevState, options: DevTokenOptions): Promise<string> {
  if (!state.keyFile) throw new UsageError('the development relay takes no tokens of a shared key: give --token');
  const { role, ...rest } = options;
  return mintToken(readSharedKey(state.keyFile), { ...rest, roles: GRANTED_ROLES[role] });
}
