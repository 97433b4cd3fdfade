import { type Code, closeCodeOf } from '@hayate/codec/messages';
import { shareNative } from '../engine/index.ts';
import type { IncomingSession } from '../src/types.ts';
import { halfOf, withoutHalf } from './half.ts';
import { HybridSession } from './session.ts';

type Kind = 'datagrams' | 'streams';

export interface PairingOptions {
  /** False: halves are closed with `unsupported`. */
  enabled: boolean;
  /** For the other half, ms. Default 3000. */
  waitMs?: number;
  /** Halves that wait at once; more are closed with `overloaded`. Default 1000. */
  most?: number;
}

interface Waiting {
  kind: Kind;
  incoming: IncomingSession;
  timer: ReturnType<typeof setTimeout>;
}

const REFUSALS = {
  unsupported: 'this relay takes no hybrid sessions',
  protocol_error: 'a half needs a name of its own: 32 hexadecimal digits',
  overloaded: 'too many halves wait for the other one',
  hello_timeout: 'the other half did not come',
} satisfies Partial<Record<Code, string>>;
type Refusal = keyof typeof REFUSALS;

/** Puts the halves of hybrid sessions together as they come; whole sessions pass. */
export class Pairing {
  /** Ends with `close`. */
  readonly pairs: ReadableStream<IncomingSession>;
  readonly #options: Required<PairingOptions>;
  readonly #waiting = new Map<string, Waiting>();
  #pairs!: ReadableStreamDefaultController<IncomingSession>;
  #closed = false;

  constructor({ enabled, waitMs = 3000, most = 1000 }: PairingOptions) {
    this.#options = { enabled, waitMs, most };
    this.pairs = new ReadableStream({
      start: (controller) => {
        this.#pairs = controller;
      },
    });
  }

  /** Halves that wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** The whole ones. @param kind what a half of these is taken for */
  whole(kind: Kind, sessions: ReadableStream<IncomingSession>): ReadableStream<IncomingSession> {
    return new ReadableStream({
      start: (controller) => {
        const each = async () => {
          for await (const incoming of sessions) {
            const half = halfOf(incoming.path);
            if (half === undefined) controller.enqueue(incoming);
            else this.#take(kind, half, incoming);
          }
        };
        // Not awaited: halves come whether or not somebody asks for whole ones.
        each().then(
          () => controller.close(),
          (error: unknown) => controller.error(error),
        );
      },
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const half of [...this.#waiting.keys()]) this.#refuse(half, 'hello_timeout');
    this.#pairs.close();
  }

  #take(kind: Kind, half: string, incoming: IncomingSession): void {
    const { enabled, waitMs, most } = this.#options;
    const other = this.#waiting.get(half);
    const why: Refusal | undefined =
      !enabled || this.#closed
        ? 'unsupported'
        : half === '' || other?.kind === kind
          ? 'protocol_error'
          : !other && this.#waiting.size >= most
            ? 'overloaded'
            : undefined;
    if (why) {
      refuse(incoming, why);
      return;
    }
    if (other) {
      this.#forget(half);
      this.#pair(kind === 'datagrams' ? [incoming, other.incoming] : [other.incoming, incoming]);
      return;
    }
    const timer = setTimeout(() => this.#refuse(half, 'hello_timeout'), waitMs);
    const waiting = { kind, incoming, timer };
    this.#waiting.set(half, waiting);
    const gone = () => {
      if (this.#waiting.get(half) === waiting) this.#forget(half);
    };
    incoming.session.closed.then(gone, gone);
  }

  #pair([datagrams, streams]: [IncomingSession, IncomingSession]): void {
    const session = new HybridSession(datagrams.session, streams.session);
    shareNative(datagrams.session, session);
    this.#pairs.enqueue({ session, path: withoutHalf(streams.path), origin: streams.origin });
  }

  #refuse(half: string, why: Refusal): void {
    const waiting = this.#forget(half);
    if (waiting) refuse(waiting.incoming, why);
  }

  #forget(half: string): Waiting | undefined {
    const waiting = this.#waiting.get(half);
    clearTimeout(waiting?.timer);
    this.#waiting.delete(half);
    return waiting;
  }
}

function refuse({ session }: IncomingSession, why: Refusal): void {
  session.close({ closeCode: closeCodeOf(why), reason: REFUSALS[why] });
}
