import type { GiftTicket, Receipt } from '@hayate/relay/ledger';
import type { Random } from './random.ts';

export interface Sent {
  ticket: GiftTicket;
  /** How many answers had come when it was sent first. */
  answersBefore: number;
  receipt: Receipt | undefined;
  /** Which answer its first receipt was. */
  answeredAs: number;
}

/** Those who send gifts: they keep each until its answer and send it again to the next process. */
export class Senders {
  readonly sent = new Map<string, Sent>();
  /** Answers of one `jti` that differ. */
  doubled = 0;
  acked = 0;
  readonly #random: Random;
  readonly #rooms: number;

  constructor(random: Random, rooms: number) {
    this.#random = random;
    this.#rooms = rooms;
  }

  next(): GiftTicket {
    const n = this.sent.size;
    const room = this.#random.below(this.#rooms);
    const ticket: GiftTicket = {
      jti: `gift-${n}-${this.#random.below(1e9)}`,
      room: `room-${room}`,
      sender: `viewer-${this.#random.below(500)}`,
      liver: `liver-${room}`,
      item: this.#random.pick(['star', 'rose', 'rocket']),
      amount: 10 * (1 + this.#random.below(1000)),
      currency: 'JPY',
      reg: 'jp',
    };
    this.sent.set(ticket.jti, { ticket, answersBefore: this.acked, receipt: undefined, answeredAs: -1 });
    return ticket;
  }

  answered(jti: string, receipt: Receipt): void {
    const sent = this.sent.get(jti);
    if (!sent) throw new Error(`an answer for ${jti}, which nobody sent`);
    if (sent.receipt) {
      if (!sameReceipt(sent.receipt, receipt)) this.doubled++;
      return;
    }
    sent.receipt = receipt;
    sent.answeredAs = this.acked++;
  }

  unanswered(): GiftTicket[] {
    return [...this.sent.values()].filter(({ receipt }) => !receipt).map(({ ticket }) => ticket);
  }

  /** Some that have their answer, to be sent again as a client would that did not get it. */
  someAnswered(count: number): GiftTicket[] {
    const answered = [...this.sent.values()].filter(({ receipt }) => receipt);
    if (answered.length === 0) return [];
    return Array.from({ length: count }, () => this.#random.pick(answered).ticket);
  }
}

export function sameReceipt(a: Receipt, b: Receipt): boolean {
  return a.id === b.id && a.room === b.room && a.sequence === b.sequence && a.atMs === b.atMs;
}

export function ackedOf(senders: Senders): { ticket: GiftTicket; receipt: Receipt }[] {
  return [...senders.sent.values()].flatMap(({ ticket, receipt }) => (receipt ? [{ ticket, receipt }] : []));
}
