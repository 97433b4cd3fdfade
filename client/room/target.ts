import { codeError } from '@hayate/codec/messages';
import type { RelayCandidate, RelaysAsked, RelayTarget } from '../src/types.ts';

/** Throws `invalid_argument` for a target that can never work. */
export function checkTarget(target: RelayTarget): void {
  checkRelay(target);
  if (typeof target.relays === 'object') for (const relay of target.relays) checkRelay(relay);
}

/** Throws `invalid_argument`. */
function checkRelay({ url, certificateHashes = [] }: Pick<RelayCandidate, 'url' | 'certificateHashes'>): void {
  if (URL.parse(url)?.protocol !== 'https:') {
    throw codeError('invalid_argument', `not an https URL of a relay: "${url}"`);
  }
  for (const hash of certificateHashes) parseHash(hash);
}

/** 64 hex digits, colons allowed. Throws `invalid_argument`. */
export function parseHash(hex: string): Uint8Array {
  const digits = hex.replaceAll(':', '');
  if (!/^[0-9a-fA-F]{64}$/.test(digits)) {
    throw codeError('invalid_argument', `not a SHA-256 certificate hash (64 hex digits): "${hex}"`);
  }
  return Uint8Array.from({ length: 32 }, (_, i) => Number.parseInt(digits.slice(i * 2, i * 2 + 2), 16));
}

/** Who tells which relays there are. */
export interface RelaySource {
  /** Of `GET /v1/rooms/ROOM/relays` of a fleet, a relay, or the app's backend. */
  url: string;
  /** Sent as bearer, as a fleet wants it; such a source is also told which relay is gone. */
  token?: string | (() => Promise<string>);
}

/** A source that has not answered by then is helped out by the next, ms. */
const NEXT_SOURCE_MS = 300;

/**
 * Asks which relays there are (`GET /v1/rooms/ROOM/relays`): for `relays` of a target. Of several sources the next is asked when
 * one fails or is slow; the first answer counts. Rejects with `connect_failed` where none answers.
 */
export function relaysFrom(
  ...sources: readonly [string | RelaySource, ...(string | RelaySource)[]]
): (asked?: RelaysAsked) => Promise<RelayCandidate[]> {
  const asks = sources.map((source) => (typeof source === 'string' ? { url: source } : source));
  return (asked = {}) =>
    new Promise((resolve, reject) => {
      let begun = 0;
      let failed = 0;
      let timer: ReturnType<typeof setTimeout> | undefined;
      const next = () => {
        clearTimeout(timer);
        const source = asks[begun];
        if (!source) return;
        begun += 1;
        if (begun < asks.length) timer = setTimeout(next, NEXT_SOURCE_MS);
        relaysOf(source, asked).then(
          (relays) => {
            clearTimeout(timer);
            begun = asks.length;
            resolve(relays);
          },
          (error: unknown) => {
            failed += 1;
            if (failed === asks.length) reject(error as Error);
            else next();
          },
        );
      };
      next();
    });
}

async function relaysOf({ url, token }: RelaySource, { left }: RelaysAsked): Promise<RelayCandidate[]> {
  const address = new URL(url, globalThis.location?.href);
  const bearer = typeof token === 'function' ? await token() : token;
  if (bearer !== undefined && left !== undefined) address.searchParams.set('left', left);
  const answer = await fetch(address, {
    cache: 'no-store',
    ...(bearer !== undefined && { headers: { authorization: `Bearer ${bearer}` } }),
  });
  if (!answer.ok) throw codeError('connect_failed', `${url} answered ${answer.status}`);
  return ((await answer.json()) as { relays: RelayCandidate[] }).relays;
}
