import { HayateError } from '@hayate/codec/errors';

/**
 * What went wrong, by what the caller can do about it.
 *
 * | code | means | retryable |
 * |---|---|---|
 * | `unavailable` | not done: no way to Linode, or 5xx to a call that changes nothing | yes |
 * | `outcome_unknown` | a change that may have been made or not: look for it (by label) before it is asked for again | no |
 * | `rate_limited` | not done; `retryAfterMs` says when | yes |
 * | `account_limit` | the account may have no more of these: a person has to ask Linode | no |
 * | `no_capacity` | the region has no room for this type now: later, or another region | yes |
 * | `busy` | the Linode is in the middle of something else | yes |
 * | `not_found` | no such thing, or not this account's | no |
 * | `not_permitted` | the token is wrong or may not do this | no |
 * | `refused` | any other 4xx | no |
 * | `unexpected_answer` | not of the documented shape | no |
 */
export type LinodeErrorCode =
  | 'unavailable'
  | 'outcome_unknown'
  | 'rate_limited'
  | 'account_limit'
  | 'no_capacity'
  | 'busy'
  | 'not_found'
  | 'not_permitted'
  | 'refused'
  | 'unexpected_answer';

export interface LinodeReason {
  reason: string;
  /** Of the request. */
  field?: string;
}

const RETRYABLE: ReadonlySet<LinodeErrorCode> = new Set(['unavailable', 'rate_limited', 'no_capacity', 'busy']);

export interface LinodeFailure {
  /** `POST /linode/instances`. */
  call: string;
  /** HTTP status; 0: no answer came. */
  status: number;
  reasons: readonly LinodeReason[];
  /** From now, with `rate_limited`. */
  retryAfterMs?: number;
  cause?: unknown;
}

/** A call of Linode's API that failed. */
export class LinodeError extends HayateError {
  override readonly name = 'LinodeError';
  declare readonly code: LinodeErrorCode;
  readonly call: string;
  readonly status: number;
  readonly reasons: readonly LinodeReason[];
  readonly retryAfterMs: number | undefined;

  constructor(code: LinodeErrorCode, { call, status, reasons, retryAfterMs, cause }: LinodeFailure) {
    const text = reasons.map(({ field, reason }) => (field ? `${field}: ${reason}` : reason)).join('; ');
    const answer = [status === 0 ? '' : String(status), text].filter(Boolean).join(' ');
    super(code, `Linode API: ${call}: ${answer || 'no answer'}`, { retryable: RETRYABLE.has(code), cause });
    this.call = call;
    this.status = status;
    this.reasons = reasons;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Linode gives errors no code: these texts tell them apart. The one of capacity is in no documentation, so it is wide. */
const BY_TEXT: readonly [RegExp, LinodeErrorCode][] = [
  [/account limit reached|limit.*(?:support ticket|contact support)/i, 'account_limit'],
  [/capacity|sold out|(?:plan|type|resource|region).*unavailable/i, 'no_capacity'],
  [/\bbusy\b/i, 'busy'],
];

const MAX_TEXT = 200;

/** Errors come as `{errors: [{field?, reason}]}`; what is between may answer with a page of its own. */
export function reasonsIn(text: string): LinodeReason[] {
  try {
    const { errors } = JSON.parse(text) as { errors: { field?: unknown; reason: unknown }[] };
    return errors.map(({ field, reason }) => ({
      reason: String(reason),
      ...(typeof field === 'string' && { field }),
    }));
  } catch {
    return [{ reason: text.slice(0, MAX_TEXT) }];
  }
}

/** @param safe whether the call changes nothing, or changes nothing more when it is made again */
export function codeOf(status: number, reasons: readonly LinodeReason[], safe: boolean): LinodeErrorCode {
  if (status === 429) return 'rate_limited';
  // A create that is answered with 408, or by something before Linode's own servers, may have been made.
  if (status === 408 || status >= 500) return safe ? 'unavailable' : 'outcome_unknown';
  if (status === 401 || status === 403) return 'not_permitted';
  if (status === 404) return 'not_found';
  const text = reasons.map(({ reason }) => reason).join('; ');
  return BY_TEXT.find(([pattern]) => pattern.test(text))?.[1] ?? 'refused';
}
