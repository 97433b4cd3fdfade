import { encodeMessage, MessageReader, type TrunkMessage } from '@hayate/codec/messages';
import { onPeerStreams, type Session } from '@hayate/transport';
import { MessageWriter } from '../reliable/writer.ts';
import type { RelayId } from './types.ts';

const VERSION = 1;
/** A peer that does not read so much is as good as dead. */
const QUEUE_BYTES = 4 << 20;
/** Small messages over an ocean: a lost packet must not hold up those behind it for a round trip. */
const SEND = { sendOrder: 30, repeatMs: 10 };
const PING_MS = 150;
/** A peer that is silent for so long is dead. */
const SILENCE_MS = 600;
/** A handshake over an ocean, with a packet lost. */
const OPENING_MS = 1200;

interface LinkEvents {
  /** Both have said who they are. */
  open(peer: RelayId, region: string): void;
  message(message: TrunkMessage): void;
  /** Once, whatever the reason. */
  end(reason: string): void;
}

export interface LinkOptions {
  session: Session;
  self: { id: RelayId; region: string };
  /** This side opened the session, and opens the control stream. */
  dialled: boolean;
  nowMs(): number;
  /** Why a relay of this name may not speak here; undefined: it may. */
  refusal(peer: RelayId): string | undefined;
  events: LinkEvents;
}

/** The control stream of one link between two relays. The first message of each side is `hello`. */
export class Link {
  readonly session: Session;
  readonly dialled: boolean;
  readonly #options: LinkOptions;
  readonly #reader = new MessageReader({ from: 'trunk' });
  #out: MessageWriter | undefined;
  #peer: RelayId | undefined;
  #ended = false;
  #sentMs: number;
  #heardMs: number;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.session = options.session;
    this.dialled = options.dialled;
    this.#sentMs = this.#heardMs = options.nowMs();
    options.session.closed.then(
      ({ reason }) => this.#finish(reason || 'closed'),
      (error: unknown) => this.#finish(error instanceof Error ? error.message : 'died'),
    );
  }

  /** Events may come within the call. */
  start(): void {
    if (this.dialled) void this.#open();
    else this.#accept();
  }

  /** Undefined until it has said so. */
  get peer(): RelayId | undefined {
    return this.#peer;
  }

  send(message: TrunkMessage): void {
    if (this.#ended || !this.#out) return;
    this.#sentMs = this.#options.nowMs();
    if (!this.#out.send(encodeMessage(message))) this.close('the peer does not read');
  }

  /** To be called every 100 ms or so. `lateMs`: how much later than meant, for which the peer cannot be blamed. */
  tick(lateMs: number): void {
    if (this.#ended) return;
    const now = this.#options.nowMs();
    this.#heardMs = Math.min(now, this.#heardMs + lateMs);
    if (now - this.#heardMs > (this.#peer === undefined ? OPENING_MS : SILENCE_MS)) this.close('silent');
    else if (this.#peer !== undefined && now - this.#sentMs >= PING_MS) this.send({ t: 'ping' });
  }

  close(reason: string): void {
    this.session.close({ closeCode: 0, reason });
    this.#finish(reason);
  }

  async #open(): Promise<void> {
    try {
      const { readable, writable } = await this.session.openBidirectional(SEND);
      this.#heardMs = this.#options.nowMs();
      const writer = writable.getWriter();
      writer.closed.catch(() => {});
      this.#begin({ write: (data) => writer.write(data), finish: () => void writer.close().catch(() => {}) });
      const reader = readable.getReader();
      for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) this.#take(value!);
      this.close('the control stream ended');
    } catch (error) {
      this.close(error instanceof Error ? error.message : 'died');
    }
  }

  #accept(): void {
    let first = true;
    onPeerStreams(this.session, (stream) => {
      if (!first || !stream.bidirectional) {
        stream.stop();
        return;
      }
      first = false;
      stream.setOptions(SEND);
      this.#begin(stream);
      stream.receive({
        data: (bytes) => this.#take(bytes),
        end: () => this.close('the control stream ended'),
      });
    });
  }

  #begin(stream: ConstructorParameters<typeof MessageWriter>[0]): void {
    this.#out = new MessageWriter(stream, QUEUE_BYTES);
    const { id, region } = this.#options.self;
    this.send({ t: 'hello', v: VERSION, relay: id, region });
  }

  #take(bytes: Uint8Array): void {
    if (this.#ended) return;
    this.#heardMs = this.#options.nowMs();
    try {
      this.#reader.push(bytes);
      for (let message = this.#reader.next(); message && !this.#ended; message = this.#reader.next()) {
        if (this.#peer === undefined) this.#greeted(message);
        else if (message.t !== 'ping') this.#options.events.message(message);
      }
    } catch (error) {
      this.close(error instanceof Error ? error.message : 'malformed');
    }
  }

  #greeted(message: TrunkMessage): void {
    if (message.t !== 'hello' || message.v !== VERSION) {
      this.close('no hello of this version');
      return;
    }
    const refusal = this.#options.refusal(message.relay);
    if (refusal !== undefined) {
      this.close(refusal);
      return;
    }
    this.#peer = message.relay;
    this.#options.events.open(message.relay, message.region);
  }

  #finish(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#options.events.end(reason);
  }
}
