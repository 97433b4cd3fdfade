import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { HayateError } from '@hayate/codec/errors';
import { codeError } from '@hayate/codec/messages';
import type {
  AuditEntry,
  AuditQuery,
  Ban,
  BanCursor,
  Change,
  CommunityStore,
  NewAuditEntry,
  Pruned,
  PruneOptions,
  Revocation,
  RevocationCursor,
  Visit,
} from '../types.ts';
import type { StoreMethod } from './store.ts';
import type { FromWorker, Request, ToWorker, WorkerTask } from './worker.ts';

/** How long a visit waits for others to cross with it. */
const VISIT_WAIT_MS = 20;

interface Waiting {
  resolve(value: never): void;
  reject(error: HayateError): void;
}

export interface SqliteCommunityOptions {
  /** The file; `-wal` and `-shm` are beside it. A missing folder is made. */
  path: string;
  /** Calls that may wait at once. Default 4096. */
  maxWaiting?: number;
}

/**
 * Opens the file of a community in a thread of its own: checkpoints stall a writer for 10 to 20 ms, which the event loop must
 * not wait for.
 * @throws HayateError `invalid_argument` for a file that cannot be used
 */
export async function openSqliteCommunity(options: SqliteCommunityOptions): Promise<CommunityStore> {
  const store = new SqliteCommunity(options);
  await store.opened;
  return store;
}

class SqliteCommunity implements CommunityStore {
  readonly opened: Promise<void>;
  readonly #port: MessagePort;
  readonly #maxWaiting: number;
  readonly #waiting = new Map<number, Waiting>();
  readonly #gone: Promise<void>;
  #queue: Request[] = [];
  #end: HayateError | undefined;
  #nextId = 1;

  constructor({ path, maxWaiting = 4096 }: SqliteCommunityOptions) {
    this.#maxWaiting = maxWaiting;
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const task: WorkerTask = { path, port: port2 };
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: task, transferList: [port2] });
    const opened = Promise.withResolvers<void>();
    this.opened = opened.promise;
    port1.on('message', (message: FromWorker) => {
      if (message.type === 'answers') this.#answered(message.answers);
      else if (message.type === 'failed') this.#failed(message.ids, message.message);
      else if (message.type === 'opened') opened.resolve();
      else opened.reject(new HayateError('invalid_argument', `community.file: ${message.message}`));
    });
    worker.on('error', (cause) => this.#stop(codeError('internal', "the community's thread failed", cause)));
    const gone = Promise.all([
      new Promise((resolve) => port1.on('close', resolve)),
      new Promise((resolve) => worker.on('exit', resolve)),
    ]);
    this.#gone = gone.then(() => {
      this.#stop(codeError('internal', 'the community is closed'));
      opened.reject(this.#end);
    });
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  record(entry: NewAuditEntry, change?: Change): Promise<number> {
    return this.#call('record', entry, change);
  }

  bans(room: string | undefined, after: BanCursor | undefined, limit: number): Promise<Ban[]> {
    return this.#call('bans', room, after, limit);
  }

  revocations(after: RevocationCursor | undefined, limit: number): Promise<Revocation[]> {
    return this.#call('revocations', after, limit);
  }

  audit(query: AuditQuery): Promise<AuditEntry[]> {
    return this.#call('audit', query);
  }

  visit(room: string, subject: string, nowMs: number): Promise<Visit> {
    return this.#call('visit', room, subject, nowMs);
  }

  left(room: string, subject: string, nowMs: number): Promise<void> {
    return this.#call('left', room, subject, nowMs);
  }

  prune(options: PruneOptions): Promise<Pruned> {
    return this.#call('prune', options);
  }

  async close(): Promise<void> {
    if (!this.#end) {
      this.#flush();
      this.#end = codeError('internal', 'the community is closed');
      this.#post('close');
    }
    await this.#gone;
  }

  async #call<T>(method: StoreMethod, ...args: readonly unknown[]): Promise<T> {
    if (this.#end) throw this.#end;
    if (this.#waiting.size >= this.#maxWaiting) {
      throw codeError('overloaded', `${this.#waiting.size} calls wait for the disk`);
    }
    const id = this.#nextId++;
    const answer = new Promise<T>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.#queue.push({ id, method, args });
    // What came together crosses in one message. Nobody waits for a visit, and joins come in crowds.
    if (method !== 'visit' && method !== 'left') setImmediate(() => this.#flush());
    else if (this.#queue.length === 1) setTimeout(() => this.#flush(), VISIT_WAIT_MS);
    return answer;
  }

  #flush(): void {
    if (this.#queue.length === 0) return;
    this.#post(this.#queue);
    this.#queue = [];
  }

  #post(message: ToWorker): void {
    this.#port.postMessage(message);
  }

  #answered(answers: readonly { id: number; value: unknown }[]): void {
    for (const { id, value } of answers) {
      this.#waiting.get(id)?.resolve(value as never);
      this.#waiting.delete(id);
    }
  }

  #failed(ids: readonly number[], message: string): void {
    const error = codeError('internal', `the community's file: ${message}`);
    for (const id of ids) {
      this.#waiting.get(id)?.reject(error);
      this.#waiting.delete(id);
    }
  }

  #stop(error: HayateError): void {
    this.#end ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#end);
    this.#waiting.clear();
  }
}
