import { codeError } from '@hayate/codec/messages';
import type { RelayCandidate, RelayTarget } from '../src/types.ts';

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

/** Asks a relay's HTTP API (`GET /v1/rooms/ROOM/relays`): for `relays` of a target. */
export function relaysFrom(url: string): () => Promise<RelayCandidate[]> {
  return async () => {
    const answer = await fetch(url, { cache: 'no-store' });
    if (!answer.ok) throw codeError('connect_failed', `${url} answered ${answer.status}`);
    return ((await answer.json()) as { relays: RelayCandidate[] }).relays;
  };
}
