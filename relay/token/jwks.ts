import { readFile } from 'node:fs/promises';
import { HayateError } from '@hayate/codec/errors';
import { type CryptoKey, createLocalJWKSet, errors, type JSONWebKeySet, type JWTHeaderParameters } from 'jose';
import type { Logger } from 'pino';

const FETCH_MS = 3000;
const MAX_SET_BYTES = 262_144;

interface KeySetTimes {
  /** A set older than this is read again in the background, with the next token. */
  refreshMs: number;
  /** Between two tries, whatever asks for them: made-up `kid`s cannot make more. */
  cooldownMs: number;
}

/** A file costs nothing to read, a fetch costs somebody else. */
const FILE_TIMES: KeySetTimes = { refreshMs: 1000, cooldownMs: 1000 };
const URL_TIMES: KeySetTimes = { refreshMs: 300_000, cooldownMs: 10_000 };

export interface KeySetOptions extends KeySetTimes {
  /** The set as text. */
  load(): Promise<string>;
  nowMs(): number;
  /** Reading it failed, and the last good set stays. */
  onFailed?(error: unknown): void;
}

/**
 * A JWKS that is read again when it is old and when a `kid` is not in it. The last good set stays. jose's own remote set
 * fetches without bound while fetching fails, and refuses every token once its set is old.
 */
export class KeySet {
  readonly #options: KeySetOptions;
  #text = '';
  #find: ReturnType<typeof createLocalJWKSet> | undefined;
  #readMs = Number.NEGATIVE_INFINITY;
  #triedMs = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  constructor(options: KeySetOptions) {
    this.#options = options;
  }

  /** Resolves when a try is over, successful or not; see `loaded`. */
  refresh(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  /** Whether there is a set. */
  get loaded(): boolean {
    return this.#find !== undefined;
  }

  /** Undefined when it has no such key, now. @throws errors of jose for a key that is of no use */
  async find(header: JWTHeaderParameters): Promise<CryptoKey | undefined> {
    const { nowMs, refreshMs } = this.#options;
    if (this.#find && nowMs() - this.#readMs >= refreshMs && this.#mayTry()) void this.refresh();
    const key = await this.#lookUp(header);
    if (key) return key;
    if (this.#reading || this.#mayTry()) {
      await this.refresh();
      return this.#lookUp(header);
    }
    return undefined;
  }

  #mayTry(): boolean {
    return this.#options.nowMs() - this.#triedMs >= this.#options.cooldownMs;
  }

  async #lookUp(header: JWTHeaderParameters): Promise<CryptoKey | undefined> {
    try {
      return await this.#find?.(header);
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey) return undefined;
      throw error;
    }
  }

  async #read(): Promise<void> {
    const { load, nowMs, onFailed } = this.#options;
    this.#triedMs = nowMs();
    try {
      const text = await load();
      if (text !== this.#text) {
        this.#find = createLocalJWKSet(JSON.parse(text) as JSONWebKeySet);
        this.#text = text;
      }
      this.#readMs = nowMs();
    } catch (error) {
      onFailed?.(error);
    }
  }
}

type KeySetSource = Pick<KeySetOptions, 'nowMs' | 'onFailed'>;

export interface KeySetPlace {
  jwksFile?: string | undefined;
  jwksUrl?: string | undefined;
}

/**
 * The set of a file or an address; undefined where neither is named. Each failure to read it is logged, and the last set stays.
 * @param whose for the log: `tickets`
 * @throws HayateError `invalid_argument` when there is no such file now
 */
export async function openKeySet(place: KeySetPlace, whose: string, log: Logger): Promise<KeySet | undefined> {
  const onFailed = (err: unknown) => log.warn({ err }, `the keys of ${whose} could not be read: the last ones stay`);
  const source = { nowMs: () => performance.now(), onFailed };
  if (place.jwksFile !== undefined) return keySetOfFile(place.jwksFile, source);
  return place.jwksUrl === undefined ? undefined : keySetOfUrl(place.jwksUrl, source);
}

async function keySetOfFile(path: string, source: KeySetSource): Promise<KeySet> {
  let why: unknown;
  const set = new KeySet({
    ...FILE_TIMES,
    ...source,
    load: () => readFile(path, 'utf8'),
    onFailed(error) {
      why = error;
      if (set.loaded) source.onFailed?.(error);
    },
  });
  await set.refresh();
  if (!set.loaded) throw new HayateError('invalid_argument', `${path} is not a JWKS file`, { cause: why });
  return set;
}

/** A server that does not answer now may do so later: that is no reason not to start. */
async function keySetOfUrl(url: string, source: KeySetSource): Promise<KeySet> {
  const set = new KeySet({ ...URL_TIMES, ...source, load: () => fetchBounded(url) });
  await set.refresh();
  return set;
}

async function fetchBounded(url: string): Promise<string> {
  // A redirect could leave https.
  const answer = await fetch(url, { signal: AbortSignal.timeout(FETCH_MS), redirect: 'error' });
  if (!answer.ok || !answer.body) throw new Error(`${url} answers ${answer.status}`);
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of answer.body) {
    bytes += part.length;
    if (bytes > MAX_SET_BYTES) throw new Error(`${url} gives more than ${MAX_SET_BYTES} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
