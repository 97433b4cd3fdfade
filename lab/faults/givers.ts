import { setTimeout as sleep } from 'node:timers/promises';
import { connectRoom, type Room } from '@hayate/client';
import type { Engine } from '@hayate/engine';
import { engineConnector } from '@hayate/transport/engine';
import type { Delivered, Office } from '../lib/app-backend.ts';
import type { RelayPlace, Stage } from './media-crowd.ts';

const GIFT_MS = 20_000;
const DELIVERED_MS = 20_000;

interface Giver {
  room: string;
  region: string;
  sub: string;
  sdk: Room;
}

/** Who gives to rooms by the SDK, in turn, as long as they are there. */
export class Givers {
  readonly acked = new Set<string>();
  #givers: Giver[] = [];
  readonly #under: Promise<void>[] = [];
  readonly #engine: Engine;
  readonly #office: Office;
  readonly #ask: NonNullable<Stage['relaysOf']>;
  readonly #perSecond: number;
  #timer: NodeJS.Timeout | undefined;
  #sent = 0;
  #refused = 0;

  constructor(engine: Engine, office: Office, ask: NonNullable<Stage['relaysOf']>, perSecond: number) {
    this.#engine = engine;
    this.#office = office;
    this.#ask = ask;
    this.#perSecond = perSecond;
  }

  async enter(room: string, relay: RelayPlace): Promise<void> {
    const sub = `giver-${relay.id}`;
    const { url, hashes } = relay.process;
    const token = () => this.#office.token(room, sub);
    const relays = () => this.#ask(room, relay);
    const sdk = connectRoom(
      { url, certificateHashes: hashes, token, relays },
      { connector: engineConnector(this.#engine) },
    );
    await sdk.ready;
    this.#givers.push({ room, region: relay.region, sub, sdk });
  }

  /** Its givers go, once what they gave is answered. */
  async leave(room: string): Promise<void> {
    const going = this.#givers.filter((giver) => giver.room === room);
    this.#givers = this.#givers.filter((giver) => giver.room !== room);
    await Promise.all(this.#under);
    for (const { sdk } of going) sdk.close();
  }

  begin(): void {
    this.#timer = setInterval(() => this.#under.push(this.#give()), 1000 / this.#perSecond);
  }

  async #give(): Promise<void> {
    const n = this.#sent++;
    const { room, region, sub, sdk } = this.#givers[n % this.#givers.length]!;
    const jti = `gift-${n}`;
    try {
      const ticket = await this.#office.ticket({
        ...{ jti, room, sender: sub, liver: `liver-${region}`, item: 'star', reg: region },
        ...{ amount: 100, currency: 'JPY' },
      });
      await sdk.gift(ticket, { timeoutMs: GIFT_MS });
      this.acked.add(jti);
    } catch {
      this.#refused += 1;
    }
  }

  async end(): Promise<{ sent: number; acked: number; refused: number }> {
    clearInterval(this.#timer);
    await Promise.all(this.#under);
    return { sent: this.#sent, acked: this.acked.size, refused: this.#refused };
  }

  close(): void {
    clearInterval(this.#timer);
    for (const { sdk } of this.#givers) sdk.close();
  }
}

/**
 * Every acked gift reaches the backend, each once: delivered at least once, under one id, for two ids of one ticket would be
 * paid twice. Waits up to `waitMs` for those that are on their way.
 */
export async function auditDelivered(
  acked: ReadonlySet<string>,
  { delivered }: { delivered: readonly Delivered[] },
  waitMs = DELIVERED_MS,
): Promise<{ lost: number; doubled: number }> {
  const missing = () => {
    const there = new Set(delivered.map(({ data }) => data.key));
    return [...acked].filter((jti) => !there.has(jti)).length;
  };
  for (const until = performance.now() + waitMs; missing() > 0 && performance.now() < until; ) await sleep(50);
  const ids = Map.groupBy(delivered, ({ data }) => data.key);
  const doubled = [...ids.values()].filter((each) => new Set(each.map(({ id }) => id)).size > 1).length;
  return { lost: missing(), doubled };
}
