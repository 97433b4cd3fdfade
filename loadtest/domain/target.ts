import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  DEFAULT_STATE_DIR,
  type MintOptions,
  mintTicket,
  mintToken,
  readDevState,
  readSharedKey,
  readTicketSigner,
} from '@hayate/relay';
import { ConfigError } from '../errors.ts';

const TTL_SECONDS = 6 * 3600;

interface GiftOf {
  room: string;
  sub: string;
  liver: string;
  item: string;
  amount: number;
  currency: string;
  jti: string;
}

/** The relay under test, and what an app's backend would sign for it. */
export interface Target {
  url: string;
  certificateHashes: string[] | undefined;
  /** `http://HOST:PORT/metrics`, when it is known. */
  metricsAddress: string | undefined;
  /** Of this machine: its clock is the runner's, so that lag is exact. */
  local: boolean;
  token(options: Omit<MintOptions, 'ttlSeconds'>): Promise<string>;
  ticket(gift: GiftOf): Promise<string>;
}

/**
 * From the variables of the test, else the development relay of `HAYATE_RELAY_STATE_DIR` (`.hayate`):
 * `HAYATE_URL`, `HAYATE_HASH` (SHA-256 of a self-made certificate), `HAYATE_TOKEN_KEY` (file of the HS256 key),
 * `HAYATE_TICKET_KEY` (file of the ticket's private key), `HAYATE_REGION`, `HAYATE_METRICS`.
 * @throws ConfigError when there is no relay to test
 */
export function findTarget(env: Record<string, string | undefined>): Target {
  const stateDir = env['HAYATE_RELAY_STATE_DIR'] ?? DEFAULT_STATE_DIR;
  const state = env['HAYATE_URL'] === undefined ? readDevState(stateDir) : undefined;
  const url = env['HAYATE_URL'] ?? state?.url;
  if (url === undefined) {
    throw new ConfigError(
      `no relay to test: none runs in ${stateDir}. Start \`hayate relay --dev\`, or give --env HAYATE_URL=https://HOST:PORT/v1 --env HAYATE_TOKEN_KEY=FILE`,
    );
  }
  const keyFile = env['HAYATE_TOKEN_KEY'] ?? state?.keyFile;
  if (keyFile === undefined) throw new ConfigError('tokens need a key: --env HAYATE_TOKEN_KEY=FILE');
  const key = readSharedKey(keyFile);
  const ticketFile = env['HAYATE_TICKET_KEY'] ?? join(stateDir, 'ticket.key');
  let signer: ReturnType<typeof readTicketSigner> | undefined;
  const hash = env['HAYATE_HASH'];
  const { hostname } = new URL(url);
  return {
    url,
    certificateHashes: hash !== undefined ? [hash] : state?.certificateHashes,
    metricsAddress: env['HAYATE_METRICS'] ?? state?.metricsAddress,
    local: ['127.0.0.1', 'localhost', '[::1]'].includes(hostname),
    token: (options) => mintToken(key, { ...options, ttlSeconds: TTL_SECONDS }),
    ticket: async (gift) => {
      if (!existsSync(ticketFile)) throw new ConfigError('gifts need the key of tickets: --env HAYATE_TICKET_KEY=FILE');
      signer ??= readTicketSigner(ticketFile);
      return mintTicket(await signer, { ...gift, reg: env['HAYATE_REGION'] ?? 'local', ttlSeconds: TTL_SECONDS });
    },
  };
}
