import { HayateError } from '@hayate/codec/errors';
import { ledgerError } from '../errors.ts';

/** Primary result codes, https://www.sqlite.org/rescode.html; the low byte of an extended one. */
const BUSY = 5;
const LOCKED = 6;
const READONLY = 8;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const NOTADB = 26;
const PERM = 3;

/** What an error of node:sqlite or node:fs means for the ledger. What is not known otherwise is a failed disk. */
export function ledgerFailure(error: unknown): HayateError {
  if (error instanceof HayateError) return error;
  const { errcode, code, message } = error as { errcode?: number; code?: string; message?: string };
  const text = message ?? String(error);
  if (code === 'EROFS' || code === 'EACCES' || code === 'EPERM') return ledgerError('ledger_read_only', text, error);
  if (code === 'ENOSPC' || code === 'EDQUOT') return ledgerError('ledger_full', text, error);
  // An integer beyond 2^53 or a value of the wrong type: nothing that this program wrote.
  if (code === 'ERR_OUT_OF_RANGE' || error instanceof TypeError) return ledgerError('ledger_corrupt', text, error);
  switch ((errcode ?? 0) & 0xff) {
    case BUSY:
    case LOCKED:
      return ledgerError('ledger_busy', text, error);
    case READONLY:
    case PERM:
    case CANTOPEN:
      return ledgerError('ledger_read_only', text, error);
    case CORRUPT:
    case NOTADB:
      return ledgerError('ledger_corrupt', text, error);
    case FULL:
      return ledgerError('ledger_full', text, error);
    default:
      return ledgerError('ledger_failed', text, error);
  }
}

/**
 * Whether the ledger may go on after this error. After a failed write or sync it is not known what the disk holds
 * (a second fsync may succeed without the data), and after damage nothing here may be built upon.
 */
export function endsLedger({ code }: HayateError): boolean {
  return code === 'ledger_failed' || code === 'ledger_corrupt' || code === 'ledger_read_only';
}
