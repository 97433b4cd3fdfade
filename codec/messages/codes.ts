import { HayateError } from '../errors.ts';

/** The table of docs/protocol.md section 6, as data. A test compares the two. */
export const CODES = [
  { closeCode: 0, code: 'closed', retryable: false },
  { closeCode: 100, code: 'protocol_error', retryable: false },
  { closeCode: 101, code: 'message_too_large', retryable: false },
  { closeCode: 102, code: 'hello_timeout', retryable: true },
  { closeCode: 103, code: 'unsupported_version', retryable: false },
  { closeCode: 200, code: 'token_missing', retryable: false },
  { closeCode: 201, code: 'token_invalid', retryable: false },
  { closeCode: 202, code: 'token_expired', retryable: false },
  { closeCode: 203, code: 'not_permitted', retryable: false },
  { closeCode: 204, code: 'token_revoked', retryable: false },
  { closeCode: 205, code: 'token_key_unknown', retryable: true },
  { closeCode: 300, code: 'room_full', retryable: true },
  { closeCode: 302, code: 'room_closed', retryable: false },
  { closeCode: 303, code: 'kicked', retryable: false },
  { closeCode: 304, code: 'banned', retryable: false },
  { closeCode: 310, code: 'muted', retryable: false },
  { closeCode: 311, code: 'slow_mode', retryable: true },
  { closeCode: 312, code: 'comment_refused', retryable: false },
  { closeCode: 313, code: 'filter_unavailable', retryable: true },
  { closeCode: 314, code: 'no_such_member', retryable: false },
  { closeCode: 315, code: 'no_such_comment', retryable: false },
  { closeCode: 316, code: 'no_such_room', retryable: false },
  { closeCode: 400, code: 'too_many_streams', retryable: false },
  { closeCode: 401, code: 'rate_limited', retryable: true },
  { closeCode: 402, code: 'overloaded', retryable: true },
  { closeCode: 403, code: 'capture_time_out_of_range', retryable: false },
  { closeCode: 404, code: 'datagram_malformed', retryable: false },
  { closeCode: 405, code: 'datagram_too_large', retryable: false },
  { closeCode: 500, code: 'internal', retryable: true },
  { closeCode: 501, code: 'draining', retryable: true },
  { closeCode: 600, code: 'connect_failed', retryable: true },
  { closeCode: 601, code: 'connection_lost', retryable: true },
  { closeCode: 602, code: 'timeout', retryable: true },
  { closeCode: 603, code: 'unsupported', retryable: false },
  { closeCode: 604, code: 'invalid_argument', retryable: false },
  { closeCode: 700, code: 'ticket_invalid', retryable: false },
  { closeCode: 701, code: 'ticket_expired', retryable: false },
  { closeCode: 702, code: 'ticket_not_yet_valid', retryable: false },
  { closeCode: 703, code: 'ticket_key_unknown', retryable: true },
  { closeCode: 704, code: 'wrong_room', retryable: false },
  { closeCode: 705, code: 'wrong_sender', retryable: false },
  { closeCode: 706, code: 'wrong_region', retryable: false },
  { closeCode: 710, code: 'gifts_off', retryable: false },
  { closeCode: 711, code: 'gift_conflict', retryable: false },
  { closeCode: 712, code: 'ledger_overloaded', retryable: true },
  { closeCode: 713, code: 'ledger_unavailable', retryable: true },
] as const satisfies readonly CodeRow[];

export interface CodeRow {
  closeCode: number;
  code: string;
  retryable: boolean;
}

export type Code = (typeof CODES)[number]['code'];

const byCode = new Map<string, (typeof CODES)[number]>(CODES.map((row) => [row.code, row]));
const byCloseCode = new Map<number, CodeRow>(CODES.map((row) => [row.closeCode, row]));

/** The row of an error's code; undefined for what is not of this table. */
export function rowOf(error: unknown): (typeof CODES)[number] | undefined {
  return error instanceof HayateError ? byCode.get(error.code) : undefined;
}

/** The row of a session's close code; undefined for one that is not in the table. */
export function codeOfClose(closeCode: number): CodeRow | undefined {
  return byCloseCode.get(closeCode);
}

/** The close code to end a session with for this code. */
export function closeCodeOf(code: Code): number {
  return byCode.get(code)!.closeCode;
}

/** A HayateError whose `retryable` is what the table says. */
export function codeError(code: Code, message: string, cause?: unknown): HayateError {
  const retryable = byCode.get(code)!.retryable;
  return new HayateError(code, message, cause === undefined ? { retryable } : { retryable, cause });
}

/** The error that a session's end means. Unknown close codes become `connection_lost`. */
export function closeError(closeCode: number, reason: string): HayateError {
  const row = byCloseCode.get(closeCode);
  if (row === undefined) {
    return codeError('connection_lost', `the session ended with the unknown code ${closeCode}: ${reason}`);
  }
  return new HayateError(row.code, reason === '' ? row.code : reason, { retryable: row.retryable });
}
