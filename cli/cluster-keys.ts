import { X509Certificate } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { HayateError } from '@hayate/codec/errors';
import { issueCertificate, makeAuthority } from '@hayate/engine';
import {
  accountIn,
  accountsConf,
  fleetPermissions,
  leafConf,
  makeTrust,
  type NatsPermissions,
  type NatsTrust,
  readCreds,
  relayPermissions,
  userCreds,
} from '@hayate/relay/nats';

const DAY_MS = 86_400_000;

/** A NATS server: what its machine is called, and where others dial it. */
interface NatsServerName {
  id: string;
  addresses: readonly string[];
}

interface ClusterKeysOptions {
  /** Made where it is missing. */
  dir: string;
  relays: readonly string[];
  nats?: readonly NatsServerName[];
  /**
   * Of the cluster. With them a relay's NATS user may do what its region needs; the region is how its id begins. Empty: all
   * users may do everything in the account.
   */
  regions?: readonly string[];
  /** Where the fleet keeps its state, one of `regions`: a user for it is made. */
  fleet?: string | undefined;
  /** Of new certificates. */
  days: number;
  /** New certificates and users also where there are good ones. */
  renew?: boolean;
  nowMs?: number;
}

interface KeyFile {
  file: string;
  /** False: it was there, and is as it was. */
  made: boolean;
}

/**
 * The keys of a cluster, as files that only their owner may read:
 *
 *   ca.pem, ca.key            vouches for relays; ID.pem, ID.key of each
 *   nats-ca.pem, nats-ca.key  vouches for NATS servers alone, so that no relay can be one; ID.pem, ID.key of each
 *   nats-*.nk                 seeds of operator, system account, account, and of what signs users
 *   nats-accounts.conf        for NATS servers, with nats-leaf.conf; not secret
 *   ID.creds                  a NATS user: of each relay, and of each NATS server for other regions' servers
 *   fleet.creds               of the fleet
 *
 * What is there is kept: authorities and seeds always; a certificate while it is by this authority, bears the names and lasts
 * another month; a user while it may do what it should.
 * @throws HayateError `invalid_argument` (names, files of others), `bad_certificate` (days), `engine_unavailable`
 */
export function makeClusterKeys(options: ClusterKeysOptions): KeyFile[] {
  const { dir, relays, nats = [], regions = [], fleet, nowMs = Date.now() } = options;
  checkNames([...relays, ...nats.map(({ id }) => id)]);
  // Before anything is written.
  const permissions = new Map(relays.map((id) => [id, permissionsOf(id, regions)]));
  if (fleet !== undefined && !regions.includes(fleet)) {
    throw new HayateError('invalid_argument', `the fleet keeps its state in ${fleet}, which is no region of --regions`);
  }
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const out: KeyFile[] = [];
  const authority = authorityIn(dir, 'ca');
  const servers = authorityIn(dir, 'nats-ca');
  const signer = natsAccounts(dir, nowMs);
  for (const id of relays) {
    out.push(certificate(options, id, authority, [`${id}.relay.hayate`]));
    out.push(user(options, id, signer, { permissions: permissions.get(id), as: 'client' }));
  }
  for (const { id, addresses } of nats) {
    out.push(certificate(options, id, servers, [`${id}.nats.hayate`, ...addresses]));
    out.push(user(options, id, signer, { as: 'leafnode' }));
  }
  if (fleet !== undefined) {
    out.push(user(options, 'fleet', signer, { permissions: fleetPermissions(fleet, regions), as: 'client' }));
  }
  return out;
}

interface Authority {
  cert: X509Certificate;
  key: string;
}

/** Its key stays with whoever issues certificates: machines need the certificate alone. */
function authorityIn(dir: string, name: string): Authority {
  const [certFile, keyFile] = [join(dir, `${name}.pem`), join(dir, `${name}.key`)];
  if (!existsSync(keyFile)) {
    const { cert, key } = makeAuthority();
    write(certFile, cert);
    write(keyFile, key);
  }
  try {
    return { cert: new X509Certificate(readFileSync(certFile)), key: readFileSync(keyFile, 'utf8') };
  } catch (error) {
    throw new HayateError('invalid_argument', `cannot read ${keyFile} with ${certFile}`, { cause: error });
  }
}

interface Signer {
  accountSeed: string;
  account: string;
}

/** Of them only what signs users can be made anew: another account would be without the gifts of this one. */
const SEEDS = ['operator', 'system', 'account', 'users'] as const;

function natsAccounts(dir: string, nowMs: number): Signer {
  const [conf, leaf] = [join(dir, 'nats-accounts.conf'), join(dir, 'nats-leaf.conf')];
  const seedFile = (name: string) => join(dir, `nats-${name}.nk`);
  const missing = SEEDS.filter((name) => !existsSync(seedFile(name)));
  const lost = missing.filter((name) => name !== 'users').map(seedFile);
  if (lost.length > 0 && (missing.length < SEEDS.length || existsSync(conf))) {
    throw new HayateError('invalid_argument', `${lost.join(', ')} is not there, others are: bring it back`);
  }
  const made = makeTrust();
  for (const name of missing) write(seedFile(name), `${made[`${name}Seed`]}\n`);
  const [operatorSeed, systemSeed, accountSeed, usersSeed] = SEEDS.map((name) => readFileSync(seedFile(name), 'utf8'));
  const trust = { operatorSeed, systemSeed, accountSeed, usersSeed } as NatsTrust;
  if (missing.length > 0 || !existsSync(conf)) write(conf, accountsConf(trust, nowMs));
  if (!existsSync(leaf)) write(leaf, leafConf(trust));
  return { accountSeed: trust.usersSeed, account: accountIn(readFileSync(leaf, 'utf8')) };
}

function certificate(
  { dir, days, renew = false, nowMs = Date.now() }: ClusterKeysOptions,
  id: string,
  authority: Authority,
  names: string[],
): KeyFile {
  const [file, keyFile] = [join(dir, `${id}.pem`), join(dir, `${id}.key`)];
  const enoughMs = Math.min(30, days / 2) * DAY_MS;
  if (!renew && existsSync(keyFile) && isGood(file, authority, names, nowMs + enoughMs)) return { file, made: false };
  const { cert, key } = issueCertificate({ authority, names, days });
  write(file, cert);
  write(keyFile, key);
  return { file, made: true };
}

function isGood(file: string, { cert: authority }: Authority, names: readonly string[], untilMs: number): boolean {
  try {
    const cert = new X509Certificate(readFileSync(file));
    const bears = (name: string) => (isIP(name) === 0 ? cert.checkHost(name) : cert.checkIP(name)) !== undefined;
    return cert.verify(authority.publicKey) && names.every(bears) && cert.validToDate.getTime() > untilMs;
  } catch {
    return false;
  }
}

function user(
  { dir, renew = false, nowMs = Date.now() }: ClusterKeysOptions,
  id: string,
  signer: Signer,
  may: { permissions?: NatsPermissions | undefined; as: 'client' | 'leafnode' },
): KeyFile {
  const file = join(dir, `${id}.creds`);
  const make = (seed?: string) => userCreds({ ...signer, ...may, name: id, nowMs, ...(seed && { seed }) });
  const before = renew ? undefined : credsIn(file);
  const now = make(before?.seed);
  // Signatures and times differ: what the two say counts.
  const same = before && JSON.stringify(said(before.claims)) === JSON.stringify(said(readCreds(now).claims));
  if (!same) write(file, now);
  return { file, made: !same };
}

const said = ({ iss, sub, nats }: ReturnType<typeof readCreds>['claims']) => ({ iss, sub, nats });

function credsIn(file: string): ReturnType<typeof readCreds> | undefined {
  try {
    return readCreds(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

function permissionsOf(id: string, regions: readonly string[]): NatsPermissions | undefined {
  if (regions.length === 0) return undefined;
  // The longest: `us-west` before `us`.
  const [region] = regions.filter((each) => id.startsWith(`${each}-`)).sort((a, b) => b.length - a.length);
  if (region === undefined)
    throw new HayateError('invalid_argument', `${id} begins with none of ${regions.join(', ')}`);
  return relayPermissions(region, regions);
}

function checkNames(ids: readonly string[]): void {
  const seen = new Set(['ca', 'nats-ca', 'fleet']);
  for (const id of ids) {
    if (!/^[a-z0-9-]{1,63}$/.test(id)) {
      throw new HayateError('invalid_argument', `${id}: not 1 to 63 of a-z, 0-9 and -`);
    }
    if (seen.has(id)) throw new HayateError('invalid_argument', `${id}: its files have this name already`);
    seen.add(id);
  }
}

/** Whole or not at all. */
function write(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  chmodSync(`${file}.new`, 0o600);
  renameSync(`${file}.new`, file);
}
