import { connectRoom, type Room } from '@hayate/client';
import type { Acked } from '../faults/audit.ts';
import type { Shown } from '../faults/gift-audit.ts';
import type { Office } from '../lib/app-backend.ts';
import type { Place } from './place.ts';

const GIFT_LIMIT_MS = 20_000;

interface Seen {
  room: Room;
  shown: { number: number; jti: string }[];
}

/** People of the standing rooms who comment, react and give from the first minute to the last, and who see every gift. */
export class Givers {
  readonly acked: Acked[] = [];
  /** Answers other than a receipt, by code. */
  readonly refused: Record<string, number> = {};
  given = 0;
  comments = { sent: 0, taken: 0 };
  readonly #place: Place;
  readonly #office: Office;
  readonly #people = new Map<string, Room>();
  readonly #seen = new Map<string, Seen>();
  readonly #giving = new Set<Promise<void>>();

  constructor(place: Place, office: Office) {
    this.#place = place;
    this.#office = office;
  }

  async open(rooms: readonly string[]): Promise<void> {
    const { connector } = this.#place;
    for (const room of rooms) {
      const person = connectRoom(this.#place.target(room, 'giver'), { connector });
      const witness = connectRoom(this.#place.target(room, 'witness'), { connector, gifts: { after: 0 } });
      const seen: Seen = { room: witness, shown: [] };
      witness.on('gift', ({ kind, number, jti }) => {
        if (kind === 'gift') seen.shown.push({ number: number!, jti });
      });
      this.#people.set(room, person);
      this.#seen.set(room, seen);
      await Promise.all([person.ready, witness.ready]);
    }
  }

  comment(room: string, text: string): void {
    this.comments.sent += 1;
    const taken = () => {
      this.comments.taken += 1;
    };
    const person = this.#people.get(room)!;
    person.comment(text).then(taken, () => {});
    person.react('heart');
  }

  give(room: string): void {
    this.giveAs(this.#people.get(room)!, room, 'giver');
  }

  /** Also for people who come and go. */
  giveAs(person: Room, room: string, sender: string): void {
    const jti = `soak-${this.given++}`;
    const gift = { jti, room, sender, liver: 'liver', item: 'star', amount: 100, currency: 'JPY', reg: 'local' };
    const one = this.#office
      .ticket(gift)
      .then((text) => person.gift(text, { timeoutMs: GIFT_LIMIT_MS }))
      .then(
        ({ number, gift: id, atMs, repeat }) => {
          const receipt = { id: id ?? null, room, sequence: number ?? null, atMs, repeat };
          this.acked.push({ ticket: gift, receipt });
        },
        ({ code }: { code: string }) => {
          this.refused[code] = (this.refused[code] ?? 0) + 1;
        },
      )
      .finally(() => this.#giving.delete(one));
    this.#giving.add(one);
  }

  /** Resolves once every gift so far has its answer. */
  async answered(): Promise<void> {
    await Promise.all(this.#giving);
  }

  shown(): Shown[] {
    return [...this.#seen].map(([room, { shown }]) => ({ room, gifts: shown }));
  }

  /** Whether each who sees a room has seen all that was acked there. */
  get allShown(): boolean {
    const acked = Map.groupBy(this.acked, ({ ticket }) => ticket.room);
    return [...this.#seen].every(([room, { shown }]) => shown.length >= (acked.get(room)?.length ?? 0));
  }

  close(): void {
    for (const person of this.#people.values()) person.close();
    for (const { room } of this.#seen.values()) room.close();
  }
}
