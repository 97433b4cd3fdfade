import type { HayateError } from '@hayate/codec/errors';
import { sessionClosed } from './errors.ts';
import type { CloseInfo, DatagramHandler, SessionStats } from './types.ts';

export type DropReason = 'queue_full' | 'expired' | 'too_large' | 'closed' | 'no_handler';

/**
 * What every body's session has in common: the three promises, the datagram handler, the counters.
 *
 * `connecting` -> `open` -> `ended`, or `connecting` -> `ended`. Each promise settles once; the later calls do nothing.
 */
export class SessionCore {
  readonly ready: Promise<void>;
  readonly closed: Promise<CloseInfo>;
  readonly datagramsDropped: Record<string, number> = {};
  state: 'connecting' | 'open' | 'ended' = 'connecting';
  datagramsSent = 0;
  datagramsReceived = 0;
  /** Set once ended: what calls on the session reject with. */
  endedWith: HayateError | undefined;

  readonly #ready = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<CloseInfo>();
  /** Made when somebody asks. */
  #draining: PromiseWithResolvers<void> | undefined;
  #drained = false;
  #handler: DatagramHandler | undefined;

  constructor() {
    this.ready = this.#ready.promise;
    this.closed = this.#closed.promise;
    // A caller that watches only one of the two must not meet an unhandled rejection on the other.
    this.ready.catch(() => {});
    this.closed.catch(() => {});
  }

  get draining(): Promise<void> {
    this.#draining ??= Promise.withResolvers<void>();
    if (this.#drained) this.#draining.resolve();
    return this.#draining.promise;
  }

  open(): void {
    if (this.state !== 'connecting') return;
    this.state = 'open';
    this.#ready.resolve();
  }

  /** Ended on purpose by either side. */
  close(info: CloseInfo): void {
    if (this.state === 'ended') return;
    const error = sessionClosed(info);
    this.#end(error);
    this.#closed.resolve(info);
  }

  /** Never opened, or died. */
  fail(error: HayateError): void {
    if (this.state === 'ended') return;
    this.#end(error);
    this.#closed.reject(error);
  }

  #end(error: HayateError): void {
    const wasConnecting = this.state === 'connecting';
    this.state = 'ended';
    this.endedWith = error;
    if (wasConnecting) this.#ready.reject(error);
  }

  drain(): void {
    this.#drained = true;
    this.#draining?.resolve();
  }

  setHandler(handler: DatagramHandler | undefined): void {
    this.#handler = handler;
  }

  receive(data: Uint8Array, receivedAtUs: number): void {
    if (this.#handler === undefined) {
      this.drop('no_handler');
      return;
    }
    this.datagramsReceived += 1;
    this.#handler(data, receivedAtUs);
  }

  drop(reason: DropReason, count = 1): false {
    this.datagramsDropped[reason] = (this.datagramsDropped[reason] ?? 0) + count;
    return false;
  }

  /** Throws what an ended session rejects with. */
  assertUsable(): void {
    if (this.endedWith !== undefined) throw this.endedWith;
  }

  stats(): SessionStats {
    return {
      datagramsSent: this.datagramsSent,
      datagramsReceived: this.datagramsReceived,
      datagramsDropped: { ...this.datagramsDropped },
    };
  }
}
