import type { HayateError } from '@hayate/codec/errors';
import { type LedgerCode, ledgerError } from '../errors.ts';
import { endsLedger, ledgerFailure } from './failure.ts';
import type { LedgerStore } from './store.ts';

type Method = Exclude<keyof LedgerStore, 'begin' | 'commit' | 'rollback' | 'close'>;

/** A call of the ledger on its way to the worker. */
export interface Request {
  id: number;
  method: Method;
  args: readonly unknown[];
}

/** An error on its way back. */
export interface Fault {
  code: LedgerCode;
  message: string;
}

export type Answer = { id: number; value: unknown } | { id: number; fault: Fault };

export interface BatchResult {
  answers: Answer[];
  /** Whether there was something to write and it is durable. */
  committed: boolean;
  /** What ended the ledger: nothing may be asked of it any more. */
  end: Fault | undefined;
}

const WRITES: ReadonlySet<Method> = new Set<Method>(['claim', 'amend', 'moveCursor', 'settle', 'redeliver']);

export function faultOf(error: HayateError): Fault {
  return { code: error.code as LedgerCode, message: error.message };
}

export function errorOf({ code, message }: Fault): HayateError {
  return ledgerError(code, message);
}

/**
 * Runs requests in their order: those that write in one transaction, so with one sync, answered after it; then those
 * that read.
 */
export function runBatch(store: LedgerStore, requests: readonly Request[]): BatchResult {
  const answers: Answer[] = [];
  let end: Fault | undefined;
  const fail = (failed: readonly Request[], error: unknown) => {
    const failure = ledgerFailure(error);
    if (endsLedger(failure)) end ??= faultOf(failure);
    for (const { id } of failed) answers.push({ id, fault: faultOf(failure) });
  };

  const writing = requests.filter(({ method }) => WRITES.has(method));
  let committed = false;
  if (writing.length > 0) {
    try {
      store.begin();
      const written = writing.map((request) => answerOf(store, request));
      store.commit();
      committed = true;
      answers.push(...written);
    } catch (error) {
      fail(writing, error);
      try {
        store.rollback();
      } catch (second) {
        fail([], second);
      }
    }
  }
  for (const request of requests) {
    if (WRITES.has(request.method)) continue;
    try {
      if (end) answers.push({ id: request.id, fault: end });
      else answers.push({ id: request.id, value: call(store, request) });
    } catch (error) {
      fail([request], error);
    }
  }
  return { answers, committed, end };
}

/** Refusals of a gift leave the transaction as it was; anything else ends it. */
function answerOf(store: LedgerStore, request: Request): Answer {
  try {
    return { id: request.id, value: call(store, request) };
  } catch (error) {
    const failure = ledgerFailure(error);
    if (failure.code.startsWith('gift_')) return { id: request.id, fault: faultOf(failure) };
    throw error;
  }
}

function call(store: LedgerStore, { method, args }: Request): unknown {
  return (store[method] as (...args: readonly unknown[]) => unknown).apply(store, [...args]);
}
