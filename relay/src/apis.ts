import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import type { Community } from '../community/index.ts';
import type { RelayConfig } from '../config/schema.ts';
import type { GiftDelivery } from '../gifts/deliver.ts';
import { mintTicket, readTicketSigner } from '../gifts/mint.ts';
import { type HttpBackend, httpApp, type RelayInfo, type StaticAssets } from '../http/app.ts';
import { LOOPBACK_NAMES } from '../http/local-pages.ts';
import type { Candidate } from '../http/relays.ts';
import type { RoomsApi } from '../http/rooms.ts';
import { type HttpServer, serveHttp } from '../http/serve.ts';
import { serviceApp } from '../http/service.ts';
import { readServiceTokens } from '../http/service-token.ts';
import { ensureSharedKey, readSharedKey } from '../token/keys.ts';
import { GRANTED_ROLES, mintToken, type Role } from '../token/token.ts';
import type { ClusterView } from './cluster-view.ts';
import type { EmulatedLink } from './emulated-link.ts';
import type { RelayHost } from './host.ts';

export interface ApisOptions {
  config: RelayConfig;
  assets: StaticAssets | undefined;
  host: RelayHost;
  community: Community;
  gifts: GiftDelivery['api'] | undefined;
  /** Undefined: this relay is alone. */
  cluster: ClusterView | undefined;
  /** The HS256 key in use, when there is one. */
  keyFile: string | undefined;
  /** The self-made key that signs tickets in development. */
  ticketKeyFile: string | undefined;
  /** The emulated network in front of it. */
  link: EmulatedLink | undefined;
  ready(): boolean;
  info(): RelayInfo;
}

/** A relay's HTTP: the API for clients, and the one for the app's backend where there is a service token. */
export interface Apis {
  http: HttpServer;
  service: HttpServer | undefined;
  serviceTokenFile: string | undefined;
}

/** @throws HayateError `bind_failed`, `invalid_argument` (keys) */
export async function openApis(options: ApisOptions): Promise<Apis> {
  const { config, assets, host, ready, info } = options;
  const backend: HttpBackend = {
    ready,
    info,
    rooms: () => host.rooms(),
    room: (name) => host.room(name),
    candidates: () => options.cluster?.candidates() ?? [candidate(options)],
    grant: grantOf(options),
    ticket: await ticketOf(options),
    link: options.link,
  };
  const loopback = LOOPBACK_NAMES.includes(config.http.host);
  const app = httpApp({ backend, assets, hosts: loopback ? LOOPBACK_NAMES : undefined });
  const http = await serveHttp(app, config.http.host, config.http.port);
  try {
    return { http, ...(await openService(options)) };
  } catch (error) {
    await http.close();
    throw error;
  }
}

async function openService({ config, host, community, gifts, cluster }: ApisOptions): Promise<Omit<Apis, 'http'>> {
  const { api, dev, stateDir } = config;
  let serviceTokenFile = api.tokenFile && resolve(api.tokenFile);
  if (dev && !api.tokenFile) {
    serviceTokenFile = resolve(stateDir, 'service.token');
    ensureSharedKey(serviceTokenFile);
  }
  if (serviceTokenFile === undefined) return { service: undefined, serviceTokenFile };
  const isService = readServiceTokens(serviceTokenFile);
  const { perSecond, burst } = api;
  const rooms: RoomsApi = {
    community,
    moderation: host.moderation,
    rooms: () => host.rooms(),
    room: (name) => host.room(name),
  };
  const app = serviceApp({ isService, perSecond, burst, rooms, gifts, cluster });
  return { service: await serveHttp(app, api.host, api.port, 'api'), serviceTokenFile };
}

/** A relay without others is all there is. */
function candidate({ config, ready, info }: ApisOptions): Candidate {
  const { url, certificateHashes } = info();
  return { id: 'relay', region: config.gifts.region, url, certificateHashes, ...(ready() ? {} : { draining: true }) };
}

function grantOf({ config, keyFile, info }: ApisOptions): HttpBackend['grant'] {
  if (!config.dev || !keyFile) return undefined;
  const key = readSharedKey(keyFile);
  const { issuer } = config.token;
  return async ({ room, sub, name, budgetMs, ttlSeconds }) => {
    const who = {
      room,
      sub: sub ?? `guest-${randomBytes(4).toString('hex')}`,
      ttlSeconds,
      ...(name === undefined ? {} : { name }),
      ...(budgetMs === undefined ? {} : { budgetMs }),
      ...(issuer === undefined ? {} : { issuer }),
    };
    const mint = (role: Role) => mintToken(key, { ...who, roles: GRANTED_ROLES[role] });
    const [liver, viewer, moderator] = await Promise.all([mint('liver'), mint('viewer'), mint('moderator')]);
    return { ...info(), room, tokens: { liver, viewer, moderator } };
  };
}

async function ticketOf({ config, ticketKeyFile }: ApisOptions): Promise<HttpBackend['ticket']> {
  if (!config.dev || !ticketKeyFile) return undefined;
  const signer = await readTicketSigner(ticketKeyFile);
  const { issuer } = config.gifts;
  const region = config.cluster.region ?? config.gifts.region;
  return (request) => mintTicket(signer, { ...request, reg: region, ...(issuer === undefined ? {} : { issuer }) });
}
