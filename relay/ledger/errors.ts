import { HayateError } from '@hayate/codec/errors';

/** Every code of the ledger: whether the same call may succeed later, and what it means. The table of docs/gifts.md. */
export const ledgerCodes = {
  ledger_overloaded: { retryable: true, meaning: 'too many calls wait for the disk: nothing was written' },
  ledger_full: { retryable: true, meaning: 'the disk is full: nothing was written' },
  ledger_busy: { retryable: true, meaning: 'another process holds the file for too long: nothing was written' },
  ledger_failed: { retryable: true, meaning: 'the disk failed: no answers until the ledger is opened again' },
  ledger_closed: { retryable: true, meaning: 'the ledger was closed before the answer' },
  ledger_unavailable: { retryable: true, meaning: 'in a cluster: NATS does not answer, and no second relay took it' },
  ledger_read_only: { retryable: false, meaning: 'the file or its folder cannot be written' },
  ledger_corrupt: { retryable: false, meaning: 'the file is damaged, older than its own witness, or not a ledger' },
  ledger_version: { retryable: false, meaning: 'the file was written by a newer version' },
  gift_conflict: { retryable: false, meaning: 'the `jti` or key was claimed with other content' },
  gift_unknown: { retryable: false, meaning: 'no gift has this `jti`' },
  gift_amended: { retryable: false, meaning: 'the gift is voided, or less than this is left of it' },
  invalid_argument: { retryable: false, meaning: 'a field is missing, too long or not an integer' },
} as const;

export type LedgerCode = keyof typeof ledgerCodes;

export function ledgerError(code: LedgerCode, message: string, cause?: unknown): HayateError {
  return new HayateError(code, message, { retryable: ledgerCodes[code].retryable, cause });
}
