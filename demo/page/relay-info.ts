import type { RelayTarget } from '@hayate/client';
import { HayateError } from '@hayate/client';
import { pickConnector } from '@hayate/transport/browser';

export type Role = 'viewer' | 'liver' | 'moderator';

/** What GET /v1/relay says. */
interface RelayInfo {
  url: string;
  certificateHashes: string[];
  transport: 'engine' | 'websocket';
}

export interface Door {
  /** Who this page is to the relay. */
  sub: string;
  target: RelayTarget;
  /** Undefined: as the SDK finds its way. */
  connector: ReturnType<typeof pickConnector>['connect'] | undefined;
  /** How the media travels, unless the network asks for WebSocket. */
  kind: 'webtransport' | 'websocket';
}

async function ask<T>(path: string, body?: unknown): Promise<T> {
  let response: Response;
  try {
    response = await fetch(
      path,
      body === undefined
        ? {}
        : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) },
    );
  } catch (cause) {
    throw new HayateError('connect_failed', `no answer from ${location.host}`, { retryable: true, cause });
  }
  if (!response.ok) {
    throw new HayateError('connect_failed', `${path} answered ${response.status}`, {
      retryable: response.status >= 500,
    });
  }
  return (await response.json()) as T;
}

/** Who this page is, for as long as its tab lives: a liver who comes back gets its old slot. */
function subject(role: Role): string {
  const key = `hayate.${role}`;
  const known = sessionStorage.getItem(key);
  if (known) return known;
  const made = `${role}-${Math.random().toString(36).slice(2, 10)}`;
  sessionStorage.setItem(key, made);
  return made;
}

/** Asks this page's relay for its address and for a token of the room (development relays give them to anyone). */
export async function openDoor(room: string, role: Role, name: string, ttlSeconds?: number): Promise<Door> {
  const info = await ask<RelayInfo>('/v1/relay');
  const sub = subject(role);
  const { kind, connect } = pickConnector({ relay: info.transport === 'engine' ? 'webtransport' : 'websocket' });
  return {
    sub,
    target: {
      url: info.url,
      certificateHashes: info.certificateHashes,
      token: async () => {
        const { tokens } = await ask<{ tokens: Record<Role, string> }>('/v1/rooms', { room, sub, name, ttlSeconds });
        return tokens[role];
      },
    },
    connector: kind === 'websocket' ? connect : undefined,
    kind,
  };
}

/** A signed ticket for one gift in yen (development relays sign for anyone). */
export async function askTicket(gift: {
  room: string;
  sub: string;
  liver: string;
  item: string;
  amount: number;
}): Promise<string> {
  return (await ask<{ ticket: string }>('/v1/gifts/tickets', gift)).ticket;
}

/** Where a person can accept the relay's self-made certificate by hand. Hashes do not cover WebSocket. */
export function certificatePage(target: RelayTarget): string {
  return `${new URL(target.url).origin}/`;
}
