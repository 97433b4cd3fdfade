import type { RelayCandidate } from '../src/types.ts';

/** Who failed is tried again before this when nobody else is left. */
const FAILED_MS = 30_000;
/** Who said that it goes may be back, as another process. */
const GONE_MS = 60_000;
/** Connection times within this are the same: which is less is chance. */
const SAME_SHARE = 1.3;
const SAME_MS = 10;
const UNKNOWN_MS = 1e6;
/** A full relay is still better than none. */
const LEAST_WEIGHT = 0.05;
/** Of the nearest region, the first time. */
const FIRST_OF_REGION = 2;
const MOST = 4;

const [GOOD, GOING, FAILED] = [0, 1, 2];

interface Known {
  relay: RelayCandidate;
  /** Of the last connection, ms. */
  connectMs: number | undefined;
  measuredMs: number;
  failedMs: number;
  /** When it said that it would go. */
  goingMs: number;
}

/**
 * Which relay is next: the nearest that is not known to be going or dead. Where several are as near, the one that the fleet
 * placed the room on; of others clients spread over them by load and by chance, and one client's order stays the same. Pure; times are ms of any steady clock.
 */
export class RelayChoice {
  readonly #seed: number;
  #known: Known[] = [];

  /** `random` is [0, 1) and this client's own. */
  constructor(random: number) {
    this.#seed = Math.floor(random * 2 ** 32);
  }

  get size(): number {
    return this.#known.length;
  }

  /** The relays there are now; what is known of those that stay is kept. */
  learn(relays: readonly RelayCandidate[]): void {
    const before = new Map(this.#known.map((known) => [known.relay.url, known]));
    const urls = new Map(relays.map((relay) => [relay.url, relay]));
    this.#known = [...urls.values()].map((relay) => ({
      connectMs: undefined,
      measuredMs: Number.NEGATIVE_INFINITY,
      failedMs: Number.NEGATIVE_INFINITY,
      goingMs: Number.NEGATIVE_INFINITY,
      ...before.get(relay.url),
      relay,
    }));
  }

  opened(url: string, connectMs: number, nowMs: number): void {
    this.#with(url, (known) => {
      known.connectMs = connectMs;
      known.measuredMs = nowMs;
      known.failedMs = Number.NEGATIVE_INFINITY;
    });
  }

  failed(url: string, nowMs: number): void {
    this.#with(url, (known) => {
      known.failedMs = nowMs;
    });
  }

  drains(url: string, nowMs: number): void {
    this.#with(url, (known) => {
      known.goingMs = nowMs;
    });
  }

  /** The network was away: that nobody answered says nothing. */
  forgive(): void {
    for (const known of this.#known) known.failedMs = Number.NEGATIVE_INFINITY;
  }

  /** When it last opened; -Infinity: never. */
  measuredMs(url: string): number {
    return this.#known.find(({ relay }) => relay.url === url)?.measuredMs ?? Number.NEGATIVE_INFINITY;
  }

  /** Whether somebody is known who is not going and did not fail of late. */
  hasGood(nowMs: number): boolean {
    return this.#known.some((known) => stateOf(known, nowMs) === GOOD);
  }

  /** Best first. Who failed of late and who is going come last. */
  ranked(nowMs: number): RelayCandidate[] {
    const state = (known: Known) => stateOf(known, nowMs);
    const distance = this.#distances((known) => state(known) === GOOD);
    const rest = ({ relay }: Known) => (relay.placed ? 0 : 1);
    return this.#known
      .map((known) => ({
        relay: known.relay,
        keys: [state(known), distance(known), rest(known), this.#lot(known.relay)],
      }))
      .sort((a, b) => compare(a.keys, b.keys))
      .map(({ relay }) => relay);
  }

  /** Of `ranked`, those to dial at once when nobody knows which one is near. */
  first(nowMs: number): RelayCandidate[] {
    const ranked = this.ranked(nowMs);
    const taken = new Map<string | undefined, number>();
    const [best] = ranked;
    const most = best?.placed ? 1 : FIRST_OF_REGION;
    return ranked
      .filter(({ region }) => {
        const count = taken.get(region) ?? 0;
        taken.set(region, count + 1);
        return count < (region === best?.region ? most : 1);
      })
      .slice(0, MOST);
  }

  /** 0: as near as the nearest. Who was not measured is as near as its region, or behind, in the order of the list. */
  #distances(counts: (known: Known) => boolean): (known: Known) => number {
    const regions = new Map<string | undefined, number>();
    for (const { relay, connectMs } of this.#known) {
      if (connectMs === undefined) continue;
      regions.set(relay.region, Math.min(connectMs, regions.get(relay.region) ?? connectMs));
    }
    const measured = ({ relay, connectMs }: Known) => connectMs ?? regions.get(relay.region);
    const least = Math.min(...this.#known.filter(counts).map((known) => measured(known) ?? Number.POSITIVE_INFINITY));
    const near = least * SAME_SHARE + SAME_MS;
    const order = [...new Set(this.#known.map(({ relay }) => relay.region))];
    return (known) => {
      const ms = measured(known);
      if (ms === undefined) return UNKNOWN_MS + order.indexOf(known.relay.region);
      return ms <= near ? 0 : ms;
    };
  }

  /** Weighted rendezvous: the least wins, and a relay wins as often as it has room. */
  #lot({ url, load = 0 }: RelayCandidate): number {
    return -Math.log(hash(url, this.#seed)) / Math.max(LEAST_WEIGHT, 1 - load);
  }

  #with(url: string, change: (known: Known) => void): void {
    const known = this.#known.find(({ relay }) => relay.url === url);
    if (known) change(known);
  }
}

function stateOf({ relay, failedMs, goingMs }: Known, nowMs: number): number {
  if (nowMs - failedMs < FAILED_MS) return FAILED;
  return relay.draining || nowMs - goingMs < GONE_MS ? GOING : GOOD;
}

function compare(a: number[], b: number[]): number {
  const at = a.findIndex((key, i) => key !== b[i]);
  return at < 0 ? 0 : a[at]! - b[at]!;
}

/** (0, 1): FNV-1a, finished as MurmurHash3 does, for it alone hardly mixes the last characters. */
function hash(text: string, seed: number): number {
  let h = 0x811c9dc5 ^ seed;
  for (let i = 0; i < text.length; i += 1) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (((h ^ (h >>> 16)) >>> 0) + 0.5) / 2 ** 32;
}
