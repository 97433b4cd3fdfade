import {
  answerProbe,
  type Bundle,
  type BundleUnit,
  DATAGRAM_TYPE,
  packBundles,
  parseBundle,
  UNIT_KIND,
  UnitSender,
} from '@hayate/codec/bundle';
import {
  type ClientMessage,
  type CommentPosted,
  encodeMessage,
  type GiftPosted,
  MessageReader,
  type RelayMessage,
} from '@hayate/codec/messages';
import type { CloseInfo, Session } from '@hayate/transport';

type WithoutId<M> = M extends { id: number } ? Omit<M, 'id'> : never;
/** What a client asks on its control stream. */
type ControlRequest = Exclude<WithoutId<ClientMessage>, { t: 'comment' | 'react' | 'gift' }>;
type Waiter = { matches: () => boolean; resolve: () => void };

/** The least that speaks the protocol, so that tests of the relay depend on no SDK: keeps all it hears. */
export class TestClient {
  readonly session: Session;
  readonly messages: RelayMessage[] = [];
  readonly comments: RelayMessage[] = [];
  /** All that came on gifts streams. */
  readonly gifts: RelayMessage[] = [];
  readonly units: BundleUnit[] = [];
  readonly bundles: Bundle[] = [];
  heartbeats = 0;
  end: CloseInfo | 'died' | undefined;
  readonly #sender = new UnitSender();
  readonly #waiters = new Set<Waiter>();
  #control: WritableStreamDefaultWriter<Uint8Array> | undefined;
  #commentsOut: WritableStreamDefaultWriter<Uint8Array> | undefined;
  #giftsOut: WritableStreamDefaultWriter<Uint8Array> | undefined;
  #nextId = 1;

  constructor(session: Session) {
    this.session = session;
    session.closed.then(
      (info) => this.#note(() => (this.end = info)),
      () => this.#note(() => (this.end = 'died')),
    );
    session.setDatagramHandler((data, receivedAtUs) => this.#datagram(data, receivedAtUs));
  }

  /** Opens the control stream and says `message`; answers nothing itself. */
  async open(message: ClientMessage | Uint8Array): Promise<void> {
    const stream = await this.session.openBidirectional();
    this.#control = stream.writable.getWriter();
    this.#control.closed.catch(() => {});
    void this.#read(stream.readable, this.messages);
    await this.raw(message);
  }

  async raw(message: ClientMessage | Uint8Array): Promise<void> {
    await this.#control?.write(message instanceof Uint8Array ? message : encodeMessage(message)).catch(() => {});
  }

  async hello(token: string, resume?: string): Promise<Extract<RelayMessage, { t: 'welcome' }>> {
    await this.open({ t: 'hello', v: 1, token, ...(resume === undefined ? {} : { resume }) });
    return this.heard('welcome');
  }

  /** The answer to a request: anything that carries its id. */
  async request(message: ControlRequest): Promise<RelayMessage> {
    const id = this.#nextId++;
    await this.raw({ ...message, id } as ClientMessage);
    const answer = () => this.messages.find((m) => 'id' in m && m.id === id);
    await this.until(() => answer() !== undefined, `an answer to ${message.t}`);
    return answer()!;
  }

  /** Resolves with the answer: `comments`, or an error. */
  async openComments(after?: number): Promise<RelayMessage> {
    const stream = await this.session.openBidirectional();
    this.#commentsOut = stream.writable.getWriter();
    this.#commentsOut.closed.catch(() => {});
    void this.#read(stream.readable, this.comments);
    const before = this.comments.length;
    await this.#commentsOut.write(encodeMessage({ t: 'comments', ...(after === undefined ? {} : { after }) }));
    await this.until(() => this.comments.length > before, 'an answer to comments');
    return this.comments[before]!;
  }

  /** On the comments stream, whatever it is. */
  async say(message: ClientMessage): Promise<void> {
    await this.#commentsOut?.write(encodeMessage(message)).catch(() => {});
  }

  async comment(text: string): Promise<RelayMessage> {
    const id = this.#nextId++;
    await this.say({ t: 'comment', id, text });
    const answer = () => this.comments.find((m) => 'id' in m && m.id === id);
    await this.until(() => answer() !== undefined, 'an answer to the comment');
    return answer()!;
  }

  /** Resolves with the answer: `gifts`, or an error. */
  async openGifts(after?: number): Promise<RelayMessage> {
    const stream = await this.session.openBidirectional({ sendOrder: 20 });
    this.#giftsOut = stream.writable.getWriter();
    this.#giftsOut.closed.catch(() => {});
    const before = this.gifts.length;
    void this.#read(stream.readable, this.gifts);
    await this.#giftsOut.write(encodeMessage({ t: 'gifts', ...(after === undefined ? {} : { after }) }));
    await this.until(() => this.gifts.length > before, 'an answer to gifts');
    return this.gifts[before]!;
  }

  /** Sends a ticket; `answered(id)` has the answer. */
  submit(ticket: string): number {
    const id = this.#nextId++;
    this.#giftsOut?.write(encodeMessage({ t: 'gift', id, ticket })).catch(() => {});
    return id;
  }

  async answered(id: number): Promise<RelayMessage> {
    const answer = () => this.gifts.find((m) => 'id' in m && m.id === id);
    await this.until(() => answer() !== undefined, `an answer to gift ${id}`);
    return answer()!;
  }

  gift(ticket: string): Promise<RelayMessage> {
    return this.answered(this.submit(ticket));
  }

  /** The records seen, in the order they came. */
  records(): GiftPosted[] {
    return this.gifts.filter((m): m is GiftPosted => m.t === 'gift');
  }

  posted(): CommentPosted[] {
    return this.comments.filter((m): m is CommentPosted => m.t === 'comment');
  }

  /** Sends a motion key unit captured `agoMs` ago. */
  motion(payload: Uint8Array, agoMs = 0): void {
    const captureUs = Math.round(this.session.nowUs() - agoMs * 1000);
    const unit = this.#sender.unit(UNIT_KIND.motion, payload, captureUs, true);
    for (const bundle of packBundles([unit])) this.session.sendDatagram(bundle);
  }

  /** The first message of this type, awaited. */
  async heard<T extends RelayMessage['t']>(t: T): Promise<Extract<RelayMessage, { t: T }>> {
    const find = () => this.messages.find((m): m is Extract<RelayMessage, { t: T }> => m.t === t);
    await this.until(() => find() !== undefined, t);
    return find()!;
  }

  async ended(): Promise<CloseInfo | 'died'> {
    await this.until(() => this.end !== undefined, 'the end');
    return this.end!;
  }

  /** Resolves when `matches` holds; asked again whenever something came. */
  async until(matches: () => boolean, what: string, timeoutMs = 8000): Promise<void> {
    if (matches()) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter = { matches, resolve };
    this.#waiters.add(waiter);
    const timer = setTimeout(
      () =>
        reject(
          new Error(
            `waited in vain for ${what}; end: ${JSON.stringify(this.end)}; heard ${JSON.stringify(this.messages.slice(-5))}`,
          ),
        ),
      timeoutMs,
    );
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#waiters.delete(waiter);
    }
  }

  #note(change: () => unknown): void {
    change();
    for (const waiter of this.#waiters) if (waiter.matches()) waiter.resolve();
  }

  #datagram(data: Uint8Array, receivedAtUs: number): void {
    if (data[0] === DATAGRAM_TYPE.probe) {
      this.session.sendDatagram(answerProbe(data, receivedAtUs, this.session.nowUs()));
    } else if (data[0] === DATAGRAM_TYPE.heartbeat) {
      this.#note(() => this.heartbeats++);
    } else if (data[0] === DATAGRAM_TYPE.bundle) {
      const bundle = parseBundle(data.slice());
      this.#note(() => {
        this.bundles.push(bundle);
        this.units.push(...bundle.units);
      });
    }
  }

  async #read(readable: ReadableStream<Uint8Array>, into: RelayMessage[]): Promise<void> {
    const messages = new MessageReader({ from: 'relay' });
    const reader = readable.getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        messages.push(value);
        for (let m = messages.next(); m; m = messages.next()) {
          const message = m;
          this.#note(() => into.push(message));
        }
      }
    } catch {
      // The session ended: `closed` tells.
    }
  }
}
