import { codeError } from '@hayate/codec/messages';
import { cursorOf, type Revocation, type RevocationCursor } from './types.ts';

const MAX_REVOCATIONS = 200_000;

/** What of a token a revocation looks at. */
export interface TokenMarks {
  sub: string;
  jti?: string | undefined;
  /** Seconds since 1970. */
  iat?: number | undefined;
}

/** Whether a revocation means this token. One issued in the very second is meant too: `iat` has no parts of it. */
export function revokes(revocation: Revocation, { sub, jti, iat }: TokenMarks): boolean {
  if (revocation.kind === 'token') return revocation.jti === jti;
  return revocation.subject === sub && (iat === undefined || iat * 1000 <= revocation.notBeforeMs);
}

/** The revocations in force, in memory. */
export class RevocationTable {
  readonly #tokens = new Map<string, Revocation>();
  readonly #subjects = new Map<string, Revocation>();

  get size(): number {
    return this.#tokens.size + this.#subjects.size;
  }

  has(token: TokenMarks, nowMs: number): boolean {
    const found = [token.jti === undefined ? undefined : this.#tokens.get(token.jti), this.#subjects.get(token.sub)];
    return found.some((each) => each && each.untilMs > nowMs && revokes(each, token));
  }

  /** @throws HayateError `overloaded` when it is full */
  add(revocation: Revocation): void {
    const { kind, value } = cursorOf(revocation);
    const table = this.#of(kind);
    if (!table.has(value) && this.size >= MAX_REVOCATIONS) {
      throw codeError('overloaded', `there are ${MAX_REVOCATIONS} revocations`);
    }
    table.set(value, revocation);
  }

  /** Whether there was one. */
  remove({ kind, value }: RevocationCursor): boolean {
    return this.#of(kind).delete(value);
  }

  /** Forgets those that are over. */
  prune(nowMs: number): void {
    for (const table of [this.#tokens, this.#subjects]) {
      for (const [value, { untilMs }] of table) if (untilMs <= nowMs) table.delete(value);
    }
  }

  #of(kind: Revocation['kind']): Map<string, Revocation> {
    return kind === 'token' ? this.#tokens : this.#subjects;
  }
}
