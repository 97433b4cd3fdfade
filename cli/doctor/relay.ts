import { join } from 'node:path';
import { SOCKET_BUFFER_BYTES } from '@hayate/engine';
import { natsAccess, openTokenKeys, type RelayConfig, readServiceTokens, readSharedKey } from '@hayate/relay';
import { readSecrets } from '@hayate/relay/webhook';
import { pino } from 'pino';
import { type CertificateLook, checkCertificate } from './certificates.ts';
import { checkClock } from './clock.ts';
import { type Finding, fail, ok } from './finding.ts';
import { checkBuffers, checkDescriptors } from './kernel.ts';
import type { Machine } from './machine.ts';
import { checkNats } from './nats.ts';
import { checkPort, checkPrivate, type Port } from './ports.ts';
import { checkSecret, type SecretLook } from './secrets.ts';
import { checkEngine, type EngineProbe } from './software.ts';
import { checkFolder } from './state.ts';

const silent = pino({ level: 'silent' });
const RENEWAL = 'Bring another one: hayate enrol and hayate control renew it by themselves, docs/deploy.md says how.';
const CLUSTER_RENEWAL = 'Bring another one: hayate enrol renews it by itself, hayate cluster keys --renew by hand.';

/** Everything that a relay with this configuration needs of its machine, in the order of what depends on what. */
export async function* checkRelay(config: RelayConfig, machine: Machine, engine: EngineProbe): AsyncGenerator<Finding> {
  const { cluster, limits, transport } = config;
  yield await checkEngine(transport, cluster.relayId !== undefined, engine);
  for (const port of portsOf(config)) yield await checkPort(port);
  yield checkPrivate('private.metrics', config.metrics.host, 'metrics.host');
  if (hasService(config)) yield checkPrivate('private.api', config.api.host, 'api.host');
  yield* await checkBuffers(machine, SOCKET_BUFFER_BYTES);
  yield* await checkDescriptors(machine, limits.maxSessions);
  yield* await checkClock(machine);
  yield* certificates(config, machine.nowMs());
  yield* await keys(config, machine.nowMs());
  yield* folders(config);
  if (cluster.relayId === undefined || cluster.region === undefined) return;
  yield* await checkNats({
    ...natsAccess(cluster),
    ...{ region: cluster.region, role: 'relay' as const, nowMs: machine.nowMs() },
  });
}

function hasService({ api, dev }: RelayConfig): boolean {
  return api.tokenFile !== undefined || dev;
}

function portsOf(config: RelayConfig): Port[] {
  const { listen, http, metrics, api, cluster, dev, transport, fallback } = config;
  const host = listen.host ?? (dev ? '127.0.0.1' : undefined);
  const media = { host, port: listen.port, setting: 'listen.port' };
  const page = { scheme: 'https' as const, path: '/', body: /Hayate relay/ };
  const web = { scheme: 'http' as const };
  const ports: Port[] = [];
  if (transport !== 'websocket') ports.push({ check: 'port.listen', protocol: 'udp', ...media });
  if (transport === 'websocket' || fallback !== 'none') {
    ports.push({ check: 'port.fallback', protocol: 'tcp', ...media, expected: page });
  }
  const tcp = (name: 'http' | 'metrics' | 'api', at: { host: string; port: number }, path: string, body: RegExp) =>
    ports.push({
      check: `port.${name}`,
      protocol: 'tcp',
      ...at,
      setting: `${name}.port`,
      expected: { ...web, path, body },
    });
  tcp('http', http, '/v1/relay', /"certificateHashes"/);
  tcp('metrics', metrics, '/metrics', /^hayate_/m);
  // Without its token it tells nothing but that.
  if (hasService(config)) tcp('api', api, '/v1/rooms', /"token_missing"/);
  if (cluster.relayId !== undefined) {
    const { host, port } = cluster.listen;
    ports.push({ check: 'port.trunk', protocol: 'udp', host, port, setting: 'cluster.listen.port' });
  }
  return ports;
}

function certificates({ certificate, cluster, publicUrl, stateDir, dev }: RelayConfig, nowMs: number): Finding[] {
  const out: Finding[] = [];
  const look = (each: Omit<CertificateLook, 'nowMs'>) => out.push(...checkCertificate({ ...each, nowMs }));
  const { certFile, keyFile } = certificate;
  if (certFile !== undefined) {
    const names = publicUrl === undefined ? [] : [new URL(publicUrl).hostname.replace(/^\[|\]$/g, '')];
    look({ name: 'relay', certFile, keyFile, names, renewal: RENEWAL });
  } else {
    out.push(
      ok('certificate.relay', `self-made, kept in ${stateDir}; browsers take it by its hash${dev ? '' : ' only'}`),
    );
  }
  if (cluster.relayId === undefined) return out;
  const { caFile, natsCaFile, relayId } = cluster;
  if (cluster.certFile !== undefined) {
    const names = [`${relayId}.relay.hayate`];
    look({
      name: 'trunk',
      certFile: cluster.certFile,
      keyFile: cluster.keyFile,
      names,
      caFile,
      renewal: CLUSTER_RENEWAL,
    });
  }
  for (const [name, file] of [
    ['cluster', caFile],
    ['nats', natsCaFile],
  ] as const) {
    if (file !== undefined) look({ name: `authority.${name}`, certFile: file, names: [], renewal: CLUSTER_RENEWAL });
  }
  return out;
}

async function keys(config: RelayConfig, nowMs: number): Promise<Finding[]> {
  const { token, gifts, api, rooms, comments, certificate, cluster, dev } = config;
  const looks: Omit<SecretLook, 'nowMs'>[] = [];
  const look = (setting: string, file: string | undefined, read: SecretLook['read'], secret = true) => {
    if (file !== undefined) looks.push({ setting, file, read, secret });
  };
  const publicKey = (publicKeyFile: string) => openTokenKeys({ publicKeyFile }, silent);
  const keySet = (jwksFile: string) => openTokenKeys({ jwksFile }, silent);
  // What it holds is looked at with the certificate, or by NATS.
  const anything = () => {};
  look('token.keyFile', token.keyFile, readSharedKey);
  look('token.publicKeyFile', token.publicKeyFile, publicKey, false);
  look('token.jwksFile', token.jwksFile, keySet, false);
  look('gifts.publicKeyFile', gifts.publicKeyFile, publicKey, false);
  look('gifts.jwksFile', gifts.jwksFile, keySet, false);
  look('api.tokenFile', api.tokenFile, readServiceTokens);
  look('gifts.webhook.secretFile', gifts.webhook.secretFile, readSecrets);
  look('rooms.webhook.secretFile', rooms.webhook.secretFile, readSecrets);
  look('comments.filter.secretFile', comments.filter.secretFile, readSecrets);
  look('certificate.keyFile', certificate.keyFile, anything);
  look('cluster.keyFile', cluster.keyFile, anything);
  look('cluster.natsCredsFile', cluster.natsCredsFile, anything);
  const out = await Promise.all(looks.map((each) => checkSecret({ ...each, nowMs })));
  const names = ['keyFile', 'publicKeyFile', 'jwksFile', 'jwksUrl'] as const;
  if (!dev && names.every((name) => token[name] === undefined)) {
    out.push(
      fail(
        'key.token',
        'no key that checks tokens',
        'Set token.keyFile, token.publicKeyFile, token.jwksFile or token.jwksUrl.',
      ),
    );
  }
  return out;
}

/** The state's, and of what lies elsewhere. */
function folders({ stateDir, gifts, community }: RelayConfig): Finding[] {
  const elsewhere = [
    ['ledger', gifts.ledgerFile],
    ['community', community.file],
  ] as const;
  return [
    ...checkFolder('state', stateDir),
    ...elsewhere.flatMap(([name, file]) => (file === undefined ? [] : checkFolder(name, join(file, '..')))),
  ];
}
