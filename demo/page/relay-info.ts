import type { RelayTarget } from '@hayate/client';
import { HayateError } from '@hayate/client';
import { pickConnector } from '@hayate/transport/browser';

export type Role = 'viewer' | 'liver';

/** What GET /v1/relay says. */
interface RelayInfo {
  url: string;
  certificateHashes: string[];
  transport: 'webtransport' | 'websocket';
}

export interface Door {
  target: RelayTarget;
  connector: ReturnType<typeof pickConnector>['connect'];
  /** How the media travels. */
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

/** Asks this page's relay for its address and for a token of the room (development relays give them to anyone). */
export async function openDoor(room: string, role: Role, name: string): Promise<Door> {
  const info = await ask<RelayInfo>('/v1/relay');
  const { kind, connect } = pickConnector({ relay: info.transport });
  return {
    target: {
      url: info.url,
      certificateHashes: info.certificateHashes,
      token: async () => (await ask<{ tokens: Record<Role, string> }>('/v1/rooms', { room, name })).tokens[role],
    },
    connector: connect,
    kind,
  };
}

/** Where a person can accept the relay's self-made certificate by hand. Hashes do not cover WebSocket. */
export function certificatePage(target: RelayTarget): string {
  return `${new URL(target.url).origin}/`;
}
