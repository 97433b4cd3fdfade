import type { TrunkKeep, TrunkKept, TrunkMessage } from '@hayate/codec/messages';
import type { SecondCopy, SpooledGift } from '../ledger/index.ts';
import type { RelayId } from './types.ts';

/** A relay that does not answer is not waited for: another is asked. */
const ANSWER_MS = 1000;

export interface SecondCopiesOptions {
  /** Linked relays of this region, those to be asked first in front. */
  peers(): RelayId[];
  send(peer: RelayId, message: TrunkMessage): void;
  /** Resolves when the gift is on this relay's disk. */
  keep(gift: SpooledGift): Promise<void>;
  setTimer(run: () => void, ms: number): unknown;
  clearTimer(timer: unknown): void;
}

interface Asked {
  peer: RelayId;
  done(kept: boolean): void;
}

/** Gifts that NATS cannot take, on the disks of two relays: asks others to keep one, and keeps what others ask for. */
export class SecondCopies implements SecondCopy {
  readonly #options: SecondCopiesOptions;
  readonly #asked = new Map<number, Asked>();
  #nextId = 1;

  constructor(options: SecondCopiesOptions) {
    this.#options = options;
  }

  async store(gift: SpooledGift): Promise<void> {
    for (const peer of this.#options.peers()) if (await this.#ask(peer, gift)) return;
    throw new Error('no other relay of the region has it');
  }

  /** What a peer sent. */
  handle(peer: RelayId, message: TrunkKeep | TrunkKept): void {
    if (message.t === 'kept') {
      const asked = this.#asked.get(message.id);
      if (asked?.peer === peer) asked.done(message.ok);
      return;
    }
    const { id, at: atMs, jti, sub: sender, room, liver, item, amount, currency, reg } = message;
    const answer = (ok: boolean) => this.#options.send(peer, { t: 'kept', id, ok });
    const ticket = { jti, room, sender, liver, item, amount, currency, reg };
    this.#options.keep({ ticket, atMs }).then(
      () => answer(true),
      () => answer(false),
    );
  }

  /** The link to it is gone, and with it its answers. */
  lost(peer: RelayId): void {
    for (const asked of [...this.#asked.values()]) if (asked.peer === peer) asked.done(false);
  }

  #ask(peer: RelayId, { ticket, atMs: at }: SpooledGift): Promise<boolean> {
    const { setTimer, clearTimer, send } = this.#options;
    const id = this.#nextId++ >>> 0;
    return new Promise((resolve) => {
      const done = (kept: boolean) => {
        clearTimer(timer);
        this.#asked.delete(id);
        resolve(kept);
      };
      const timer = setTimer(() => done(false), ANSWER_MS);
      this.#asked.set(id, { peer, done });
      const { jti, room, sender: sub, liver, item, amount, currency, reg } = ticket;
      send(peer, { t: 'keep', id, at, jti, sub, room, liver, item, amount, currency, reg });
    });
  }
}
