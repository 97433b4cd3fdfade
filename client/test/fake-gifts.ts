import {
  encodeMessage,
  type Gifted,
  type GiftPosted,
  type GiftRequest,
  type Gifts,
  type RelayMessage,
} from '@hayate/codec/messages';

type Out = WritableStreamDefaultWriter<Uint8Array>;

/** What becomes of one submission: `lost` is taken and not answered, `deaf` is not even taken. */
export type Fate = 'answered' | 'lost' | 'deaf' | { code: string; retryable: boolean };

/** The gifts of a relay that keeps its promises, with a ledger that outlives its sessions. Tickets are their own `jti`. */
export class FakeGifts {
  records: GiftPosted[] = [];
  /** Asked once a submission. */
  fate: (ticket: string) => Fate = () => 'answered';
  /** Answer to `gifts` in place of the true one. */
  refuse: Extract<RelayMessage, { t: 'error' }> | undefined;
  /** What clients said first on their gifts streams. */
  readonly opened: Gifts[] = [];
  readonly #first = new Map<string, Gifted>();
  readonly #cursors = new Map<Out, number>();

  take(message: Gifts | GiftRequest, out: Out): void {
    if (message.t === 'gift') {
      this.#submit(message, out);
      return;
    }
    this.opened.push(message);
    if (this.refuse) {
      this.send(out, this.refuse);
      return;
    }
    const after = Math.min(message.after ?? this.records.length, this.records.length);
    this.#cursors.set(out, after);
    this.send(out, { t: 'gifts', after });
    this.#show();
  }

  /** Somebody else's gift, or a record as given. */
  add(jti: string, record: Partial<GiftPosted> = {}): number {
    const gift = { kind: 'gift', jti, sub: 'bo', liver: 'mio', item: 'star', amount: 100, currency: 'JPY' } as const;
    const n = this.records.length + 1;
    this.records.push({ t: 'gift', n, at: 1_000 + n, ...gift, ...record });
    this.#show();
    return n;
  }

  /** To every stream, whatever it has seen. */
  tell(message: RelayMessage): void {
    for (const out of this.#cursors.keys()) this.send(out, message);
  }

  send(out: Out, message: RelayMessage): void {
    out.write(encodeMessage(message)).catch(() => this.#cursors.delete(out));
  }

  #submit({ id, ticket }: GiftRequest, out: Out): void {
    const fate = this.fate(ticket);
    if (fate === 'deaf') return;
    if (typeof fate === 'object') {
      this.send(out, { t: 'error', id, message: 'as scripted', ...fate });
      return;
    }
    const first = this.#first.get(ticket);
    const n = first?.n ?? this.add(ticket, { sub: 'ann' });
    const answer: Gifted = first ?? { t: 'gifted', id, n, gift: 1000 + n, at: 1_000 + n, repeat: false };
    this.#first.set(ticket, { ...answer, repeat: true });
    if (fate === 'answered') this.send(out, { ...answer, id });
  }

  #show(): void {
    for (const [out, cursor] of this.#cursors) {
      for (const record of this.records.slice(cursor)) this.send(out, record);
      this.#cursors.set(out, this.records.length);
    }
  }
}
