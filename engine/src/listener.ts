import { callUser, quiet } from './callbacks.ts';
import { EngineError } from './errors.ts';
import { Inbox } from './inbox.ts';
import type { NativeAddress, NativeEngine } from './native.ts';
import type { Session } from './session.ts';
import type { EngineListener, EngineSession } from './types.ts';

export interface ListenerHost {
  readonly port: Pick<NativeEngine, 'stopListening'>;
  endpointStats(endpoint: number): Promise<Record<string, number>>;
  listenerClosed(listener: Listener): void;
}

/** A bound server socket. */
export class Listener implements EngineListener {
  readonly endpoint: number;
  readonly address: NativeAddress;
  #hashes: Uint8Array[];
  readonly #host: ListenerHost;
  readonly #inbox = new Inbox<EngineSession>((session) => session.close());
  readonly #sessions = new Set<Session>();
  readonly #handlers: ((hashes: Uint8Array[]) => void)[] = [];
  #closing: PromiseWithResolvers<void> | undefined;

  constructor(host: ListenerHost, endpoint: number, address: NativeAddress, hashes: Uint8Array[]) {
    this.#host = host;
    this.endpoint = endpoint;
    this.address = address;
    this.#hashes = hashes;
  }

  get certificateHashes(): Uint8Array[] {
    return this.#hashes;
  }

  get sessions(): ReadableStream<EngineSession> {
    return this.#inbox.stream;
  }

  onCertificates(handler: (hashes: Uint8Array[]) => void): void {
    this.#handlers.push(handler);
  }

  drain(): void {
    if (!this.#closing) this.#host.port.stopListening(this.endpoint, false);
  }

  close(): Promise<void> {
    if (this.#closing) return this.#closing.promise;
    this.#closing = quiet<void>();
    this.#host.port.stopListening(this.endpoint, true);
    this.#inbox.end();
    for (const session of [...this.#sessions]) session.handleClosed('local', 0, 'the listener closed');
    return this.#closing.promise;
  }

  async getStats(): Promise<Record<string, number>> {
    if (this.#closing) throw new EngineError('closed', 'the listener is closed');
    return this.#host.endpointStats(this.endpoint);
  }

  handleIncoming(session: Session): void {
    this.#sessions.add(session);
    if (this.#closing) session.close();
    else this.#inbox.push(session);
  }

  /** The engine has forgotten the session. */
  handleSessionGone(session: Session): void {
    this.#sessions.delete(session);
  }

  handleCertificates(hashes: Uint8Array[]): void {
    this.#hashes = hashes;
    for (const handler of this.#handlers) callUser(() => handler(hashes));
  }

  /** The socket is closed: as it was asked for, or with the engine. */
  handleGone(): void {
    this.#sessions.clear();
    this.#closing ??= quiet<void>();
    this.#inbox.end();
    this.#host.listenerClosed(this);
    this.#closing.resolve();
  }
}
