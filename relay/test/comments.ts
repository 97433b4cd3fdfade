import { MessageReader, type RelayMessage } from '@hayate/codec/messages';
import type { CommentFilter } from '../comments/filter.ts';
import { RoomComments } from '../comments/room.ts';
import type { CommentAuthor, CommentRates, CommentRefusal, CommentSink } from '../comments/types.ts';
import { CommentLimits, CommentStream } from '../reliable/comments.ts';
import { MessageWriter } from '../reliable/writer.ts';
import { Counters } from '../telemetry/counters.ts';
import { ManualClock } from './clock.ts';

const author = (sub: string, session = 1): CommentAuthor => ({ session, sub });

/** Rates that never bind. */
export const FREE: CommentRates = { perSecond: 1000, burst: 1000, roomPerSecond: 10_000, roomBurst: 10_000 };

/** What one viewer was sent, checked as it comes: each message stands at its place in the room's count. */
export class Transcript {
  readonly messages: RelayMessage[] = [];
  /** The room's number that the last message stands for. */
  at = 0;
  readonly #reader = new MessageReader({ from: 'relay' });

  push(bytes: Uint8Array): void {
    this.#reader.push(bytes);
    for (let message = this.#reader.next(); message; message = this.#reader.next()) this.#take(message);
  }

  /** Numbers of the comments seen. */
  get seen(): number[] {
    return this.messages.flatMap((message) => (message.t === 'comment' ? [message.n] : []));
  }

  /** Texts of the comments seen before their numbers. */
  get early(): string[] {
    return this.messages.flatMap((message) => (message.t === 'early' ? [message.text] : []));
  }

  get missed(): number {
    return this.messages.reduce((sum, message) => sum + (message.t === 'missed' ? message.count : 0), 0);
  }

  get answers(): (RelayMessage & { t: 'done' | 'error' })[] {
    return this.messages.filter((message) => message.t === 'done' || message.t === 'error');
  }

  #take(message: RelayMessage): void {
    this.messages.push(message);
    if (message.t === 'comments') this.at = message.after;
    else if (message.t === 'missed') this.at += message.count;
    else if (message.t === 'comment') {
      this.at += 1;
      if (message.n !== this.at) throw new Error(`comment ${message.n} in the place of ${this.at}`);
    }
  }
}

/** A viewer that reads at once. */
function sinkOf(transcript: Transcript, early: boolean): CommentSink {
  return {
    early,
    comments: (messages) => transcript.push(messages),
    deleted: (message) => transcript.push(message),
    reactions: (message) => transcript.push(message),
  };
}

export interface SceneOptions {
  rates?: CommentRates;
  filter?: CommentFilter;
}

/** A room's comments in the test's own time. */
export class CommentScene {
  readonly clock = new ManualClock(1_000_000);
  readonly counters = new Counters();
  /** Who may not, by session; `moderate` is refused to all that are not in here. */
  readonly refusals = new Map<number, CommentRefusal>();
  readonly moderators = new Set<number>();
  readonly room: RoomComments;

  constructor({ rates = FREE, filter }: SceneOptions = {}) {
    this.room = new RoomComments({
      room: 'r',
      rates,
      filter,
      clock: this.clock,
      counts: this.counters,
      rules: {
        refusal: (session, permission) => {
          if (permission === 'moderate') return this.moderators.has(session) ? undefined : 'not_permitted';
          return this.refusals.get(session);
        },
      },
    });
  }

  /** Sends at once, and gives the outcome where no filter is asked. */
  say(sub: string, text = 'x', session = 1): number | CommentRefusal {
    const outcome = this.room.submit(author(sub, session), text, new AbortController().signal);
    if (outcome instanceof Promise) throw new Error('a filter was asked');
    return outcome;
  }

  /** A viewer that reads at once. */
  watch(after?: number, early = false): Transcript & { close(): void } {
    const transcript = new Transcript();
    const { messages, close } = this.room.open(after, 1_000_000, sinkOf(transcript, early));
    transcript.push(messages);
    return Object.assign(transcript, { close });
  }
}

/** The peer of one comments stream: reads when told to. */
export class Reader {
  readonly transcript = new Transcript();
  readonly stream: CommentStream;
  readonly out: MessageWriter;
  dropped = 0;
  commented = 0;
  /** Longest queue seen, bytes. */
  most = 0;
  closed = false;
  #held: { chunk: Uint8Array; resolve: () => void }[] = [];
  #stalled = false;

  constructor(scene: CommentScene, options: { sub?: string; session?: number; queueBytes?: number } = {}) {
    const { sub = 'ann', session = 1, queueBytes = 2048 } = options;
    const stream = {
      write: (chunk: Uint8Array) => {
        if (!this.#stalled) return void this.transcript.push(chunk);
        return new Promise<void>((resolve) => this.#held.push({ chunk, resolve }));
      },
      finish: () => {
        this.closed = true;
      },
    };
    this.out = new MessageWriter(stream, queueBytes);
    this.stream = new CommentStream({
      room: scene.room,
      author: author(sub, session),
      limits: new CommentLimits(scene.clock.nowMs()),
      out: this.out,
      queueBytes,
      clock: scene.clock,
      beforeWrite: () => {},
      onCommented: () => this.commented++,
      onRefused: () => {},
      onDropped: (count) => {
        this.dropped += count;
      },
    });
  }

  /** Reads nothing from now on. */
  stall(): void {
    this.#stalled = true;
  }

  resume(): void {
    this.#stalled = false;
    for (const { chunk, resolve } of this.#held.splice(0)) {
      this.transcript.push(chunk);
      resolve();
    }
  }

  look(): void {
    this.most = Math.max(this.most, this.out.waitingBytes);
  }
}

/** Lets every promise that can settle now settle. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}
