import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import type { HayateError } from '@hayate/codec/errors';
import {
  checkAmendment,
  checkIds,
  checkInteger,
  checkLimit,
  checkName,
  checkOutcomes,
  checkQuery,
  checkTicket,
} from '../check.ts';
import { ledgerError } from '../errors.ts';
import type {
  Amendment,
  DeliveryOutcome,
  GiftTicket,
  LedgerHead,
  LedgerQuery,
  LedgerRecord,
  LedgerStats,
  LocalLedger,
  OutboxEntry,
  PlacedRecord,
  ReadCursor,
  ReadPage,
  Receipt,
} from '../types.ts';
import { errorOf, type Request } from './requests.ts';
import type { FromWorker, ToWorker, WorkerTask } from './worker.ts';

export interface SqliteLedgerOptions {
  /** The file; `-wal`, `-shm` and `-witness` are beside it. A missing folder is made. */
  path: string;
  /** Calls that may wait at once; more are refused with `ledger_overloaded`. Default 4096. */
  maxWaiting?: number;
  /** Nothing more is taken while the oldest call waits for longer than this, ms. Default 2000. */
  maxWaitMs?: number;
  /** Calls in one transaction at most. Default 256. */
  batch?: number;
  /** False leaves every sync out, so acks mean nothing: the control of the power-cut experiment. Default true. */
  durable?: boolean;
  /** A write or sync of this file failed: what the kernel holds of it is not trusted. Default false. */
  afterFailure?: boolean;
}

/** Calls handed to the worker in one message: copying them must not hold up the event loop. */
const MESSAGE_CALLS = 128;

interface Waiting {
  sinceMs: number;
  resolve(value: never): void;
  reject(error: HayateError): void;
}

/**
 * Opens a ledger file in a thread of its own, checks all of it, and resolves when it takes calls.
 * @throws HayateError `ledger_corrupt`, `ledger_version`, `ledger_read_only`, `ledger_full`, `ledger_busy`, `ledger_failed`
 */
export async function openSqliteLedger(options: SqliteLedgerOptions): Promise<SqliteLedger> {
  const ledger = new SqliteLedger(options);
  await ledger.opened;
  return ledger;
}

export type { SqliteLedger };

class SqliteLedger implements LocalLedger {
  readonly opened: Promise<void>;
  /** Resolves when no call is taken any more: with what ended the ledger, with undefined after `close` or `abort`. */
  readonly ended: Promise<HayateError | undefined>;
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #maxWaiting: number;
  readonly #maxWaitMs: number;
  readonly #waiting = new Map<number, Waiting>();
  readonly #stats = { records: 0, repeats: 0, commits: 0, overloaded: 0 };
  #queue: Request[] = [];
  #flushing = false;
  #closing = false;
  #end: HayateError | undefined;
  #nextId = 1;

  constructor(options: SqliteLedgerOptions) {
    const { path, maxWaiting = 4096, maxWaitMs = 2000, batch = 256, durable = true, afterFailure = false } = options;
    this.#maxWaiting = maxWaiting;
    this.#maxWaitMs = maxWaitMs;
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const task: WorkerTask = { path, batch, durable, afterFailure, port: port2 };
    this.#worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: task, transferList: [port2] });
    const opened = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<HayateError | undefined>();
    this.opened = opened.promise;
    this.ended = ended.promise;
    let fault: HayateError | undefined;
    port1.on('message', (message: FromWorker) => {
      if (message.type === 'answers') this.#answered(message);
      else if (message.type === 'opened') opened.resolve();
      else {
        fault = errorOf(message.fault);
        this.#stop(fault);
      }
    });
    this.#worker.on('error', (cause) => {
      fault ??= ledgerError('ledger_failed', "the ledger's thread failed", cause);
      this.#stop(fault);
    });
    // The port closes after its last message, the thread may end before that.
    const gone = Promise.all([
      new Promise((resolve) => port1.on('close', resolve)),
      new Promise((resolve) => this.#worker.on('exit', resolve)),
    ]);
    void gone.then(() => {
      const closed = ledgerError('ledger_closed', 'the ledger is closed');
      this.#stop(closed);
      opened.reject(fault ?? closed);
      ended.resolve(fault);
    });
  }

  async claim(ticket: GiftTicket, nowMs: number): Promise<Receipt> {
    checkTicket(ticket, nowMs);
    return this.#counted(await this.#call<Receipt>('claim', ticket, nowMs));
  }

  async amend(amendment: Amendment, nowMs: number): Promise<Receipt> {
    checkAmendment(amendment, nowMs);
    return this.#counted(await this.#call<Receipt>('amend', amendment, nowMs));
  }

  async find(jti: string): Promise<LedgerRecord | undefined> {
    checkName(jti);
    return this.#call('find', jti);
  }

  async resume(room: string, afterSequence: number, limit: number): Promise<PlacedRecord[]> {
    checkName(room);
    checkInteger('afterSequence', afterSequence, 0);
    checkLimit(limit);
    return this.#call('resume', room, afterSequence, limit);
  }

  async head(room: string): Promise<LedgerHead> {
    checkName(room);
    return this.#call('head', room);
  }

  async since(afterId: number, limit: number): Promise<LedgerRecord[]> {
    checkInteger('afterId', afterId, 0);
    checkLimit(limit);
    return this.#call('since', afterId, limit);
  }

  async read(query: LedgerQuery, after: ReadCursor | undefined, limit: number): Promise<ReadPage> {
    checkQuery(query);
    checkLimit(limit);
    return this.#call('read', query, after, limit);
  }

  async cursor(name: string): Promise<number> {
    checkName(name);
    return this.#call('cursor', name);
  }

  async moveCursor(name: string, id: number): Promise<void> {
    checkName(name);
    checkInteger('id', id, 0);
    return this.#call('moveCursor', name, id);
  }

  async outbox(nowMs: number, limit: number, afterId = 0): Promise<OutboxEntry[]> {
    checkInteger('nowMs', nowMs, 0);
    checkInteger('afterId', afterId, 0);
    checkLimit(limit);
    return this.#call('outbox', nowMs, limit, afterId);
  }

  async settle(outcomes: readonly DeliveryOutcome[]): Promise<void> {
    checkOutcomes(outcomes);
    return this.#call('settle', outcomes);
  }

  async deadLetters(afterId: number, limit: number): Promise<OutboxEntry[]> {
    checkInteger('afterId', afterId, 0);
    checkLimit(limit);
    return this.#call('deadLetters', afterId, limit);
  }

  async redeliver(ids: readonly number[]): Promise<number> {
    checkIds(ids);
    return this.#call('redeliver', ids);
  }

  stats(): LedgerStats {
    return { waiting: this.#waiting.size, ...this.#stats };
  }

  async close(): Promise<void> {
    if (!this.#closing && !this.#end) {
      this.#closing = true;
      this.#flush();
      this.#post('close');
    }
    await this.ended;
  }

  /** Ends the thread at once, as a crash would: what waits rejects with `ledger_closed`, written or not. */
  async abort(): Promise<void> {
    await this.#worker.terminate();
    this.#port.close();
    await this.ended;
  }

  async #call<T>(method: Request['method'], ...args: readonly unknown[]): Promise<T> {
    if (this.#end) throw this.#end;
    if (this.#closing) throw ledgerError('ledger_closed', 'the ledger is closing');
    const now = performance.now();
    // Maps keep the order of insertion: the first is the oldest.
    const [oldest] = this.#waiting.values();
    if (this.#waiting.size >= this.#maxWaiting || (oldest && now - oldest.sinceMs > this.#maxWaitMs)) {
      this.#stats.overloaded++;
      throw ledgerError('ledger_overloaded', `${this.#waiting.size} calls wait for the disk`);
    }
    const id = this.#nextId++;
    const answer = new Promise<T>((resolve, reject) => this.#waiting.set(id, { sinceMs: now, resolve, reject }));
    this.#queue.push({ id, method, args });
    if (this.#queue.length >= MESSAGE_CALLS) this.#flush();
    else if (!this.#flushing) {
      this.#flushing = true;
      // After the input of this turn: what came together crosses in one message.
      setImmediate(() => this.#flush());
    }
    return answer;
  }

  #flush(): void {
    this.#flushing = false;
    if (this.#queue.length === 0) return;
    this.#post(this.#queue);
    this.#queue = [];
  }

  #post(message: ToWorker): void {
    this.#port.postMessage(message);
  }

  #answered({ answers, committed }: Extract<FromWorker, { type: 'answers' }>): void {
    if (committed) this.#stats.commits++;
    for (const answer of answers) {
      const waiting = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if ('fault' in answer) waiting?.reject(errorOf(answer.fault));
      else waiting?.resolve(answer.value as never);
    }
  }

  #stop(error: HayateError): void {
    this.#end ??= error;
    this.#queue = [];
    for (const { reject } of this.#waiting.values()) reject(this.#end);
    this.#waiting.clear();
  }

  #counted(receipt: Receipt): Receipt {
    if (receipt.repeat) this.#stats.repeats++;
    else this.#stats.records++;
    return receipt;
  }
}
