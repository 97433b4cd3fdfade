import { type CondemnReason, type ConnectOptions, type Connector, type Dial, raceConnector } from '@hayate/transport';
import type { Environment } from './environment.ts';

/**
 * QUIC alone for so long. A handshake takes two round trips, 130 ms across an ocean, and 300 ms leaves one lost packet of a
 * near relay its repeat; whoever has no UDP waits so much longer, within 1.5 s in all.
 */
const HEAD_START_MS = 300;
/** Where TCP is known to be better QUIC has only to stand in for it. */
const STAND_IN_MS = 2_000;
/** What was found out about a network holds so long. */
const KEPT_MS = 600_000;
const MAX_KEPT_MS = 3_600_000;
/** Silence twice within so long is no accident. */
const TWICE_MS = 60_000;
/** While TCP has just failed too, QUIC is not blamed, and goes first. */
const SPARED_MS = 60_000;
/** QUIC is looked for from a session over TCP after so long, then after twice the time. */
const LOOK_MS = 60_000;
const MAX_NETWORKS = 16;
const STORE_KEY = 'hayate.ways';

/**
 * `unopened`: QUIC did not open when TCP did. `silent`: it opened and died once. `bad`: it opens, and does not do. With the
 * first two both are dialled at once, and QUIC wins where it works; with `bad` TCP goes first.
 */
type Fault = 'unopened' | 'silent' | 'bad';

interface Known {
  fault: Fault;
  /** Milliseconds since 1970. */
  sinceMs: number;
  untilMs: number;
  /** How often it was bad. */
  times: number;
}

/** Where what is known of networks outlives the page. */
export interface WayStore {
  read(): string | null;
  write(text: string): void;
}

export interface WaysOptions {
  quic: Connector;
  webSocket: Dial;
  environment: Environment;
  /** The network that this machine is on, as far as it can tell (`wifi`, `cellular`). Default: one. */
  network?: () => string;
  store?: WayStore | undefined;
}

const QUIC = 'quic';
const WEBSOCKET = 'websocket';

/** Which way leads to a relay: by a race, and by what the last ones showed of this network. */
export class Ways {
  readonly #options: WaysOptions;
  readonly #known: Map<string, Known>;
  readonly #sparedUntilMs = new Map<string, number>();

  constructor(options: WaysOptions) {
    this.#options = options;
    this.#known = parse(options.store);
  }

  /** @param headStartMs of QUIC, where nothing is known of the network. Default 300. */
  connector(headStartMs: number = HEAD_START_MS): Connector {
    return raceConnector({
      timers: this.#options.environment,
      entries: (url) => this.#entries(url, headStartMs),
      onWon: (url, won, unopened) => this.#won(url, won, unopened),
      onCondemned: (url, way, why) => this.#condemned(url, way, why),
      superseded: (url, way, dial, ended) => (way === WEBSOCKET ? this.#look(url, dial, ended) : undefined),
    });
  }

  #entries(url: string, headStartMs: number) {
    const { quic, webSocket } = this.#options;
    const fast = { way: { name: QUIC, connect: quic }, afterMs: 0 };
    const sure = { way: { name: WEBSOCKET, connect: webSocket }, afterMs: 0 };
    const fault = this.#of(url)?.fault;
    if (fault === undefined) return [fast, { ...sure, afterMs: headStartMs }];
    return fault === 'bad' ? [sure, { ...fast, afterMs: STAND_IN_MS }] : [fast, sure];
  }

  #won(url: string, won: string, unopened: readonly string[]): void {
    const known = this.#of(url);
    if (won === QUIC && known?.fault === 'unopened') this.#forget(url);
    // TCP went first, and did not open: it is no way out of here.
    if (won === QUIC && known?.fault === 'bad') this.#spare(url);
    if (won === WEBSOCKET && unopened.includes(QUIC) && known?.fault !== 'bad') this.#note(url, 'unopened', 0);
  }

  /** True: another way is better the next time. */
  #condemned(url: string, way: string, why: CondemnReason): boolean {
    const { environment } = this.#options;
    const nowMs = environment.wallMs();
    if (way === WEBSOCKET) {
      this.#spare(url);
      return false;
    }
    if (nowMs < (this.#sparedUntilMs.get(this.#key(url)) ?? 0)) return false;
    const known = this.#of(url);
    if (why !== 'silent') {
      this.#note(url, 'bad', (known?.times ?? 0) + 1);
      return true;
    }
    const again = known?.fault === 'silent' && nowMs - known.sinceMs < TWICE_MS;
    if (again) this.#note(url, 'bad', known.times + 1);
    else if (known?.fault !== 'bad') this.#note(url, 'silent', known?.times ?? 0);
    return true;
  }

  /** Resolves when QUIC opens again; the session over TCP may then be left. */
  #look(url: string, { serverCertificateHashes }: ConnectOptions, ended: Promise<unknown>): Promise<void> {
    const { quic, environment } = this.#options;
    const found = Promise.withResolvers<void>();
    let over = false;
    let timer: unknown;
    const opens = async () => {
      // A connector may throw instead.
      const trial = quic(url, serverCertificateHashes ? { serverCertificateHashes } : {});
      trial.closed.catch(() => {});
      await trial.ready;
      trial.close();
    };
    const look = async (waitMs: number) => {
      await new Promise<void>((resolve) => {
        timer = environment.setTimer(resolve, waitMs);
      });
      // Until that is forgotten there is nothing to see.
      if (this.#of(url)?.fault === 'bad') return look(waitMs);
      await opens().then(found.resolve, () => (over ? undefined : look(Math.min(2 * waitMs, KEPT_MS))));
    };
    void look(LOOK_MS);
    void ended.then(() => {
      over = true;
      environment.clearTimer(timer);
    });
    return found.promise.then(() => this.#forget(url));
  }

  #key(url: string): string {
    return `${this.#options.network?.() ?? ''}|${new URL(url).host}`;
  }

  #of(url: string): Known | undefined {
    const known = this.#known.get(this.#key(url));
    return known && this.#options.environment.wallMs() < known.untilMs ? known : undefined;
  }

  #spare(url: string): void {
    this.#sparedUntilMs.set(this.#key(url), this.#options.environment.wallMs() + SPARED_MS);
    this.#forget(url);
  }

  #note(url: string, fault: Fault, times: number): void {
    const sinceMs = this.#options.environment.wallMs();
    const keptMs = Math.min(KEPT_MS * 2 ** Math.max(0, times - 1), MAX_KEPT_MS);
    const key = this.#key(url);
    this.#known.delete(key);
    this.#known.set(key, { fault, sinceMs, untilMs: sinceMs + keptMs, times });
    const [oldest] = this.#known.keys();
    if (this.#known.size > MAX_NETWORKS && oldest !== undefined) this.#known.delete(oldest);
    this.#keep();
  }

  #forget(url: string): void {
    if (this.#known.delete(this.#key(url))) this.#keep();
  }

  #keep(): void {
    this.#options.store?.write(JSON.stringify([...this.#known]));
  }
}

/** `wifi`, `cellular`, ... where the browser tells. */
export function browserNetwork(): string {
  const { connection } = navigator as { connection?: { type?: string } };
  return connection?.type ?? '';
}

/** Undefined in workers, and where a page may keep nothing. */
export function browserWayStore(): WayStore | undefined {
  try {
    const { localStorage } = globalThis;
    return {
      read: () => localStorage.getItem(STORE_KEY),
      write(text) {
        try {
          localStorage.setItem(STORE_KEY, text);
        } catch {
          // Full, or forbidden meanwhile: it is known for as long as the page lives.
        }
      },
    };
  } catch {
    return undefined;
  }
}

function parse(store: WayStore | undefined): Map<string, Known> {
  try {
    const rows = JSON.parse(store?.read() ?? '[]') as [string, Known][];
    return new Map(rows.filter(([key, { untilMs }]) => typeof key === 'string' && Number.isFinite(untilMs)));
  } catch {
    // Written by another version, or by hand.
    return new Map();
  }
}
