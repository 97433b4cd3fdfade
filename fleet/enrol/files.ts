import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HayateError } from '@hayate/codec/errors';

/** Name in the machine's /etc/hayate to contents. */
export type MachineFiles = Record<string, string>;

export interface MachineFilesOptions {
  /** `relay.json` by region; `{id}`, `{region}`, `{address}` and `{host}` (brackets around IPv6) in its texts are the machine's. */
  relays: Readonly<Record<string, Record<string, unknown>>>;
  /** Every file in it goes to each relay: token.key, service.token. */
  secretsDir: string;
  /** PEM of the authority. */
  ca: string;
  /** Its user of NATS: CA and credentials. */
  nats?(machine: MachineName): { ca: string; creds: string };
  /** What the cluster's clients see, once it was ordered. */
  certificate(): { cert: string; key: string } | undefined;
}

export interface MachineName {
  id: string;
  region: string;
  address: string;
}

/** A name that may stand in a folder: no path, nothing hidden. */
export const FILE_NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/**
 * What one relay has in /etc/hayate but its own key and certificate. Read anew each time: a changed secret reaches all within the hour.
 * @throws HayateError `unavailable` for a region without settings
 */
export function machineFiles(machine: MachineName, options: MachineFilesOptions): MachineFiles {
  const { relays, secretsDir, ca, nats, certificate } = options;
  const relay = relays[machine.region];
  if (!relay) {
    throw new HayateError('unavailable', `no settings for relays of region ${machine.region}`, { retryable: true });
  }
  const files: MachineFiles = { 'ca.pem': ca, 'relay.json': `${JSON.stringify(filled(relay, machine), null, 1)}\n` };
  for (const name of existsSync(secretsDir) ? readdirSync(secretsDir) : []) {
    if (FILE_NAME.test(name)) files[name] = readFileSync(join(secretsDir, name), 'utf8');
  }
  if (nats) {
    const user = nats(machine);
    Object.assign(files, { 'nats-ca.pem': user.ca, 'nats.creds': user.creds });
  }
  const pair = certificate();
  if (pair) Object.assign(files, { 'cert.pem': pair.cert, 'cert.key': pair.key });
  return files;
}

/** The settings with the machine's name and place in them. */
export function filled(value: unknown, machine: MachineName): unknown {
  const { address } = machine;
  const words: Record<string, string> = { ...machine, host: address.includes(':') ? `[${address}]` : address };
  if (typeof value === 'string')
    return value.replaceAll(/\{(id|region|address|host)\}/g, (_, word: string) => words[word]!);
  if (Array.isArray(value)) return value.map((each) => filled(each, machine));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, filled(each, machine)]));
}
