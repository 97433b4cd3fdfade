import type { HayateError } from '@hayate/codec/errors';
import { codeError } from '@hayate/codec/messages';
import type { Environment } from './environment.ts';

interface Pending<T> {
  resolve(answer: T): void;
  reject(error: HayateError): void;
  timer: unknown;
}

/** Requests of one stream by their id. Each settles: by its answer, by its time limit, or by `failAll`. */
export class PendingRequests<T> {
  readonly #environment: Environment;
  readonly #timeoutMs: number;
  readonly #pending = new Map<number, Pending<T>>();
  #nextId = 1;

  constructor(environment: Environment, timeoutMs: number) {
    this.#environment = environment;
    this.#timeoutMs = timeoutMs;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** An id for a message that is not waited for. */
  takeId(): number {
    return this.#nextId++;
  }

  /** `send` gets the id. When it throws the request rejects with that. */
  start(send: (id: number) => void): Promise<T> {
    const id = this.takeId();
    return new Promise<T>((resolve, reject) => {
      const timer = this.#environment.setTimer(() => {
        this.#pending.delete(id);
        reject(codeError('timeout', `the relay did not answer within ${this.#timeoutMs} ms`));
      }, this.#timeoutMs);
      this.#pending.set(id, { resolve, reject, timer });
      try {
        send(id);
      } catch (error) {
        this.#take(id);
        reject(error);
      }
    });
  }

  /** Returns false for an id that nobody waits for (any more). */
  answer(id: number, answer: T): boolean {
    const pending = this.#take(id);
    pending?.resolve(answer);
    return pending !== undefined;
  }

  fail(id: number, error: HayateError): boolean {
    const pending = this.#take(id);
    pending?.reject(error);
    return pending !== undefined;
  }

  failAll(error: HayateError): void {
    for (const id of [...this.#pending.keys()]) this.fail(id, error);
  }

  #take(id: number): Pending<T> | undefined {
    const pending = this.#pending.get(id);
    if (!pending) return undefined;
    this.#pending.delete(id);
    this.#environment.clearTimer(pending.timer);
    return pending;
  }
}
