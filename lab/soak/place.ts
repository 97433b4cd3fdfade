import type { RelayTarget } from '@hayate/client';
import type { Engine } from '@hayate/engine';
import { mintToken, readSharedKey } from '@hayate/relay';
import type { Connector } from '@hayate/transport';
import { engineConnector } from '@hayate/transport/engine';
import type { RelayAddress } from '../lib/raw-session.ts';

/** Short, so that long sessions live through several tokens. */
const TOKEN_SECONDS = 1200;

/** The relay as clients find it. */
export class Place {
  readonly engine: Engine;
  readonly #url: string;
  readonly #hashes: string[];
  readonly #key: Uint8Array;

  /** @param keyFile of the relay's tokens */
  constructor(engine: Engine, relay: { url: string; hashes: string[] }, keyFile: string) {
    this.engine = engine;
    this.#url = relay.url;
    this.#hashes = relay.hashes;
    this.#key = readSharedKey(keyFile);
  }

  get connector(): Connector {
    return engineConnector(this.engine);
  }

  /** For the SDK, which asks for another token in time. */
  target(room: string, sub: string, role: 'liver' | 'viewer' = 'viewer'): RelayTarget {
    const token = () => this.#token(room, sub, role);
    return { url: this.#url, certificateHashes: this.#hashes, token };
  }

  /** For a session without the SDK. */
  async address(room: string, sub: string, role: 'liver' | 'viewer' = 'viewer'): Promise<RelayAddress> {
    return { url: this.#url, hash: this.#hashes[0] ?? '', token: await this.#token(room, sub, role) };
  }

  #token(room: string, sub: string, role: 'liver' | 'viewer'): Promise<string> {
    const roles = role === 'liver' ? (['liver', 'viewer'] as const) : (['viewer'] as const);
    return mintToken(this.#key, { room, sub, roles: [...roles], ttlSeconds: TOKEN_SECONDS });
  }
}
