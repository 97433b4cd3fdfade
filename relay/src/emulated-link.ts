import { HayateError } from '@hayate/codec/errors';
import type { Engine, LinkProfile } from '@hayate/engine';
import { LINK_PROFILES, type NamedLink } from './link-profiles.ts';

const HOST = '127.0.0.1';

/**
 * An emulated link in front of a development relay, for whoever dials `port`. Another profile is another address to the
 * relay, as when a phone changes its network: sessions go on.
 */
export class EmulatedLink {
  readonly port: number;
  readonly #engine: Engine;
  readonly #relayPort: number;
  #profile = LINK_PROFILES[0]!;
  #proxy: { close(): void };
  #opened = 0;

  constructor(engine: Engine, relayPort: number) {
    this.#engine = engine;
    this.#relayPort = relayPort;
    const proxy = this.#open(0);
    this.#proxy = proxy;
    this.port = proxy.address.port;
  }

  get host(): string {
    return HOST;
  }

  readonly profiles = LINK_PROFILES;

  get profile(): NamedLink {
    return this.#profile;
  }

  /** Throws `invalid_argument` for one that there is not. */
  set(id: string): void {
    const profile = LINK_PROFILES.find((each) => each.id === id);
    if (!profile) throw new HayateError('invalid_argument', `no link profile is called "${id}"`);
    this.#profile = profile;
    this.#proxy.close();
    this.#proxy = this.#open(this.port);
  }

  close(): void {
    this.#proxy.close();
  }

  #open(port: number) {
    const { up, down } = this.#profile;
    this.#opened += 2;
    const seeded = (link: LinkProfile, seed: number) => ({ ...link, seed });
    return this.#engine.proxy({
      ...{ host: HOST, port, target: { host: HOST, port: this.#relayPort } },
      link: { tx: seeded(up, this.#opened), rx: seeded(down, this.#opened + 1) },
    });
  }
}
