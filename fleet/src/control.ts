import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HayateError } from '@hayate/codec/errors';
import { issueCertificate } from '@hayate/engine';
import { accountIn, relayPermissions, userCreds } from '@hayate/relay/nats';
import type { Logger } from 'pino';
import { type AcmeOptions, openAccount, orderCertificate } from '../certificate/acme.ts';
import { commandDns, type DnsProvider } from '../certificate/dns.ts';
import { CertificateKeeper, type KeeperClock } from '../certificate/keeper.ts';
import { linodeDns } from '../certificate/linode-dns.ts';
import type { ControlConfig } from '../config/schema.ts';
import { Authority } from '../enrol/authority.ts';
import { EnrolmentDesk } from '../enrol/desk.ts';
import { type MachineName, machineFiles } from '../enrol/files.ts';
import { CONTROL_NAME, type EnrolServer, serveEnrolment } from '../enrol/server.ts';
import { EnrolmentTokens } from '../enrol/tokens.ts';
import { Linode, type LinodeOptions } from '../linode/index.ts';

const DAY_S = 24 * 3600;

export interface Control {
  port: number;
  readonly counts: EnrolServer['counts'];
  close(): Promise<void>;
}

const clock: KeeperClock = {
  nowMs: () => Date.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

/** The tokens and machines of a control node, for the commands beside it as well. @throws HayateError `invalid_argument` */
export function openTokens({ stateDir }: Pick<ControlConfig, 'stateDir'>): EnrolmentTokens {
  const file = join(stateDir, 'enrolment.sqlite');
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    return new EnrolmentTokens(file, { nowMs: clock.nowMs, randomBytes });
  } catch (cause) {
    throw new HayateError('invalid_argument', `${file}: ${(cause as Error).message}`, { cause });
  }
}

/** Lets machines in and keeps the certificate of the cluster. @throws HayateError `invalid_argument`, `bind_failed` */
export async function startControl(config: ControlConfig, log: Logger): Promise<Control> {
  const { listen, certificateDays, relays, secretsDir } = config;
  const ca = readText(config.authority.certFile);
  const caKey = readText(config.authority.keyFile);
  const authority = await Authority.open(ca, caKey);
  // Machines that enrol and the keeper of the certificate come again by themselves.
  const linode = config.linode && openLinode(config.linode, { tries: 1 });
  const keeper = config.acme && openKeeper(config, config.acme, linode, log);
  const tokens = openTokens(config);
  const desk = new EnrolmentDesk({
    ...{ tokens, authority, certificateDays, nowMs: clock.nowMs },
    files: (machine) =>
      machineFiles(machine, {
        ...{ relays, secretsDir, ca, certificate: () => keeper?.pair },
        ...(config.nats && { nats: natsUsers(config, config.nats) }),
      }),
    ...(linode && { addressesOf: (id) => addresses(linode, `${config.linode!.labelPrefix}${id}`) }),
  });
  const identity = issueCertificate({ authority: { key: caKey }, names: [CONTROL_NAME] });
  const server = await serveEnrolment({ ...listen, desk, identity, ca, nowMs: clock.nowMs, log });
  keeper?.start();
  return {
    port: server.port,
    counts: server.counts,
    async close() {
      keeper?.stop();
      await server.close();
      tokens.close();
    },
  };
}

/** A client of the account that the configuration names. @throws at its calls: HayateError `invalid_argument` without the token's file */
export function openLinode(
  { tokenFile, apiUrl }: Pick<NonNullable<ControlConfig['linode']>, 'tokenFile' | 'apiUrl'>,
  options: Pick<LinodeOptions, 'tries'> = {},
): Linode {
  return new Linode({
    ...options,
    token: () => readText(tokenFile).trim(),
    ...(apiUrl !== undefined && { apiUrl }),
  });
}

/** A user as long as the certificate, with the rights of its region. Keys are read anew: they may be replaced. */
function natsUsers({ certificateDays, relays }: ControlConfig, nats: NonNullable<ControlConfig['nats']>) {
  return ({ id, region }: MachineName) => ({
    ca: readText(nats.caFile),
    creds: userCreds({
      ...{ accountSeed: readText(nats.usersFile).trim(), account: accountIn(readText(nats.leafFile)), name: id },
      permissions: relayPermissions(region, Object.keys(relays).sort()),
      expiresAt: Math.floor(clock.nowMs() / 1000) + certificateDays * DAY_S,
    }),
  });
}

/** IPv6 comes with its prefix length. */
async function addresses(linode: Linode, label: string): Promise<string[] | undefined> {
  const found = await linode.instances.byLabel(label);
  return found && [...found.ipv4, ...(found.ipv6 ? [found.ipv6.replace(/\/\d+$/, '')] : [])];
}

function openKeeper(
  { stateDir }: ControlConfig,
  acme: NonNullable<ControlConfig['acme']>,
  linode: Linode | undefined,
  log: Logger,
): CertificateKeeper {
  const { names, directoryUrl, email, checkDns, caFile } = acme;
  const dns: DnsProvider =
    acme.dns.kind === 'linode' ? linodeDns(linode!.domains, acme.dns.zone) : commandDns(acme.dns.command);
  const options: AcmeOptions = {
    ...{ directoryUrl, names, dns, checkDns },
    ...(email !== undefined && { email }),
    ...(caFile !== undefined && { caPem: readText(caFile) }),
  };
  const authority = createHash('sha256').update(directoryUrl).digest('hex').slice(0, 8);
  return new CertificateKeeper({
    ...{ dir: join(stateDir, 'certificate'), accountFile: `account-${authority}.json` },
    ...{ names, clock, random: Math.random, log },
    openAccount: () => openAccount(options),
    order: (account) => orderCertificate(account, options),
  });
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new HayateError('invalid_argument', `cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
}
