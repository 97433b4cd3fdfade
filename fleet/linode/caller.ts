import { z } from 'zod';
import { codeOf, LinodeError, type LinodeReason, reasonsIn } from './errors.ts';
import { Pace, rateHeaders, retryAfterMs } from './pace.ts';

/** What the client needs of `fetch`: a fake needs to build no `Response`. */
export type LinodeFetch = (url: string, init: LinodeRequest) => Promise<LinodeResponse>;

export interface LinodeRequest {
  method: string;
  headers: Record<string, string>;
  body?: string;
  signal?: AbortSignal;
}

export interface LinodeResponse {
  status: number;
  headers: { get(name: string): string | null };
  text(): Promise<string>;
}

export interface LinodeClock {
  nowMs(): number;
  sleep(ms: number): Promise<void>;
  /** Ends a call that is not answered. Undefined: never. */
  timeout(ms: number): AbortSignal | undefined;
}

export interface LinodeOptions {
  /** Read anew at each call: a new token needs no restart. */
  token(): string;
  apiUrl?: string;
  fetch?: LinodeFetch;
  clock?: LinodeClock;
  /** In [0, 1): spreads what is tried again. */
  random?(): number;
  /** Calls at most for one, default 5. 1: whoever calls tries again. */
  tries?: number;
}

const API_URL = 'https://api.linode.com/v4';
/** A create takes seconds when many are asked for at once. */
const REQUEST_MS = 30_000;
/** The most that Linode takes is 500, the least 25. */
const PAGE_SIZE = 500;
const TRIES = 5;
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 20_000;
/** Whoever waits longer for a rate limit had better hear of it. */
const MAX_PACE_MS = 120_000;

const systemClock: LinodeClock = {
  nowMs: () => Date.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  timeout: (ms) => AbortSignal.timeout(ms),
};

/** Nothing was sent: these come before a connection is there. */
const NOT_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

export interface Ask {
  body?: object;
  /** Linode's filters are JSON in a header. */
  filter?: object | undefined;
}

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/**
 * Makes calls, keeps to rate limits, and tries again what may be tried again: what is not sent, what was refused by a rate limit, and
 * GET, PUT and DELETE after 408, 5xx and cut connections. A POST whose outcome is not known is never made twice.
 */
export class Caller {
  readonly #options: LinodeOptions;
  readonly #fetch: LinodeFetch;
  readonly #clock: LinodeClock;
  readonly #random: () => number;
  readonly #pace = new Pace();

  constructor(options: LinodeOptions) {
    this.#options = options;
    this.#fetch = options.fetch ?? fetch;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
  }

  /** @throws LinodeError */
  async call<T extends z.ZodType>(method: Method, path: string, answer: T, ask: Ask = {}): Promise<z.output<T>> {
    const body = await this.#tries(method, path, ask);
    const { success, data, error } = answer.safeParse(body);
    if (success) return data;
    const reason = z.prettifyError(error);
    throw new LinodeError('unexpected_answer', { ...failure(method, path, 200, [{ reason }]), cause: error });
  }

  /** All pages. @throws LinodeError */
  async list<T extends z.ZodType>(path: string, item: T, filter?: object): Promise<z.output<T>[]> {
    const page = z.object({ data: z.array(item), pages: z.number() });
    const all: z.output<T>[] = [];
    for (let n = 1; ; n += 1) {
      const { data, pages } = await this.call('GET', `${path}?page=${n}&page_size=${PAGE_SIZE}`, page, { filter });
      all.push(...data);
      if (n >= pages) return all;
    }
  }

  /** Deletes it, or finds it gone. */
  async remove(path: string): Promise<void> {
    try {
      await this.call('DELETE', path, z.unknown());
    } catch (error) {
      if (!(error instanceof LinodeError && error.code === 'not_found')) throw error;
    }
  }

  async #tries(method: Method, path: string, ask: Ask): Promise<unknown> {
    for (let n = 1; ; n += 1) {
      try {
        return await this.#once(method, path, ask);
      } catch (error) {
        if (!(error instanceof LinodeError)) throw error;
        const again = error.code === 'unavailable' || error.code === 'rate_limited';
        const told = error.retryAfterMs ?? 0;
        if (!again || n >= (this.#options.tries ?? TRIES) || told > MAX_PACE_MS) throw error;
        // Full jitter: those that failed together do not come back together.
        const backoff = this.#random() * Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** n);
        await this.#clock.sleep(told + backoff);
      }
    }
  }

  async #once(method: Method, path: string, ask: Ask): Promise<unknown> {
    const operation = `${method} ${operationOf(path)}`;
    for (;;) {
      const waitMs = this.#pace.waitMs(operation, this.#clock.nowMs());
      if (waitMs === 0) break;
      if (waitMs > MAX_PACE_MS) {
        throw new LinodeError('rate_limited', { ...failure(method, path, 0, []), retryAfterMs: waitMs });
      }
      await this.#clock.sleep(waitMs);
    }
    this.#pace.started(operation);
    let headers: LinodeResponse['headers'] | undefined;
    try {
      const { response, text } = await this.#send(method, path, ask);
      headers = response.headers;
      return this.#read(method, path, response, text);
    } finally {
      this.#pace.ended(operation, headers && rateHeaders(headers, this.#clock.nowMs()));
    }
  }

  async #send(method: Method, path: string, { body, filter }: Ask) {
    const { token, apiUrl = API_URL } = this.#options;
    const signal = this.#clock.timeout(REQUEST_MS);
    const request: LinodeRequest = {
      method,
      headers: {
        authorization: `Bearer ${token()}`,
        'content-type': 'application/json',
        ...(filter && { 'x-filter': JSON.stringify(filter) }),
      },
      ...(signal && { signal }),
      ...(body && { body: JSON.stringify(body) }),
    };
    try {
      const response = await this.#fetch(`${apiUrl}${path}`, request);
      return { response, text: await response.text() };
    } catch (cause) {
      const safe = method !== 'POST' || notSent(cause);
      const reasons = [{ reason: textOf(cause) }];
      throw new LinodeError(safe ? 'unavailable' : 'outcome_unknown', { ...failure(method, path, 0, reasons), cause });
    }
  }

  #read(method: Method, path: string, { status, headers }: LinodeResponse, text: string): unknown {
    const ok = status >= 200 && status < 300;
    if (ok) {
      try {
        return text === '' ? {} : JSON.parse(text);
      } catch (cause) {
        throw new LinodeError('unexpected_answer', { ...failure(method, path, status, []), cause });
      }
    }
    const reasons = reasonsIn(text);
    const code = codeOf(status, reasons, method !== 'POST');
    const after = retryAfterMs(headers, this.#clock.nowMs());
    throw new LinodeError(code, {
      ...failure(method, path, status, reasons),
      ...(after !== undefined && { retryAfterMs: after }),
    });
  }
}

function failure(method: Method, path: string, status: number, reasons: LinodeReason[]) {
  return { call: `${method} ${path.split('?')[0]}`, status, reasons };
}

/** Rate limits are an operation's, whatever it is done to. */
function operationOf(path: string): string {
  return path.split('?')[0]!.replace(/\/\d+(?=\/|$)/g, '/N');
}

function notSent(error: unknown): boolean {
  for (let at = error as { code?: unknown; cause?: unknown } | undefined; at; at = at.cause as typeof at) {
    if (typeof at.code === 'string' && NOT_SENT.has(at.code)) return true;
  }
  return false;
}

/** What `fetch` says itself is always "fetch failed". */
function textOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error && cause.message ? `${message}: ${cause.message}` : message;
}
