import { EngineError } from './errors.ts';
import type { ReceiveHalf } from './receive-half.ts';
import type { SendHalf } from './send-half.ts';
import type { EngineBidirectionalStream, EngineSendStream, EngineStream, SendOptions, StreamHandler } from './types.ts';

/** A stream that the peer opened: web streams, or calls. */
export class IncomingStream implements EngineBidirectionalStream, EngineStream {
  readonly #receive: ReceiveHalf;
  readonly #send: SendHalf | undefined;

  constructor(receive: ReceiveHalf, send: SendHalf | undefined) {
    this.#receive = receive;
    this.#send = send;
  }

  get bidirectional(): boolean {
    return this.#send !== undefined;
  }

  get readable(): ReadableStream<Uint8Array> {
    return this.#receive.readable;
  }

  get writable(): EngineSendStream {
    return this.#sending().writable;
  }

  receive(handler: StreamHandler): void {
    this.#receive.receive(handler);
  }

  stop(): void {
    this.#receive.stop();
  }

  setOptions(options: SendOptions): void {
    this.#sending().setOptions(options);
  }

  write(data: Uint8Array): Promise<void> | undefined {
    return this.#sending().write(data);
  }

  finish(): void {
    this.#sending().finish();
  }

  abort(): void {
    this.#send?.reset();
  }

  #sending(): SendHalf {
    if (!this.#send) throw new EngineError('invalid_argument', 'a unidirectional stream of the peer takes nothing');
    return this.#send;
  }
}
