import { connectRoom, type Room } from '@hayate/client';
import { openEngine } from '@hayate/engine';
import { engineConnector } from '@hayate/transport/engine';
import { percentiles } from '../bench/stream-present.ts';
import { type Office, openOffice } from '../lib/app-backend.ts';
import type { ClusterRelay } from './cluster.ts';
import { PATHS, pathName, type Region } from './plan.ts';

export interface SocialOptions {
  rooms: string[];
  lastMileMs: number;
  lastMileJitterMs: number;
  commentsPerSecond: number;
  giftsPerSecond: number;
}

type Percentiles = ReturnType<typeof percentiles>;

export interface SocialRun {
  /** Written to shown, by path. */
  comment_ms: Record<string, Percentiles>;
  /** Submitted to shown, by path. */
  gift_ms: Record<string, Percentiles>;
  /** Submitted to shown with its place in the room's sequence, by path. */
  gift_sequenced_ms: Record<string, Percentiles>;
  /** Submitted to the durable answer, by region. */
  gift_ack_ms: Record<Region, Percentiles>;
  comments: { sent: number; refused: number; shown: number; expected: number };
  gifts: { sent: number; refused: number; shown: number; expected: number; doubled: number };
}

interface Fan {
  room: string;
  region: Region;
  sub: string;
  sdk: Room;
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** One fan a room and relay: they comment and give in turn, and note what they see of each other. */
export class Social {
  readonly #engine = openEngine();
  readonly #fans: Fan[] = [];
  readonly #options: SocialOptions;
  readonly #office: Office;
  readonly #sent = new Map<string, { atMs: number; region: Region; room: string }>();
  readonly #lags = { comment: lagsByPath(), gift: lagsByPath(), sequenced: lagsByPath() };
  readonly #acks: Record<Region, number[]> = { jp: [], us: [] };
  readonly #seen = new Set<string>();
  #counts = { comments: 0, commentsRefused: 0, gifts: 0, giftsRefused: 0, doubled: 0, commentsShown: 0, giftsShown: 0 };

  private constructor(options: SocialOptions, office: Office) {
    this.#options = options;
    this.#office = office;
  }

  static async open(relays: readonly ClusterRelay[], options: SocialOptions): Promise<Social> {
    const social = new Social(options, await openOffice(relays[0]!.process.stateDir));
    await Promise.all(options.rooms.flatMap((room) => relays.map((relay) => social.#enter(room, relay))));
    return social;
  }

  async #enter(room: string, { region, id, process }: ClusterRelay): Promise<void> {
    const sub = `fan-${id}-${room}`;
    const { url, hash } = await process.tokens(room);
    const seed = 9000 + 10 * this.#fans.length;
    const link = { delayMs: this.#options.lastMileMs, jitterMs: this.#options.lastMileJitterMs };
    const path = { link: { tx: { ...link, seed }, rx: { ...link, seed: seed + 1 } } };
    const target = { url, certificateHashes: [hash], token: () => this.#office.token(room, sub) };
    const sdk = connectRoom(target, { connector: engineConnector(this.#engine, path) });
    const fan = { room, region, sub, sdk };
    this.#fans.push(fan);
    // Shown before its number or with it: the first time counts. One that was taken back may come again.
    const early = new Set<number>();
    sdk.on('comment', ({ text, key }) => {
      if (!this.#note('comment', text, fan)) return;
      this.#counts.commentsShown += 1;
      if (key !== undefined) early.add(key);
    });
    sdk.on('deleted', ({ keys }) => {
      for (const key of keys) if (early.delete(key)) this.#counts.commentsShown -= 1;
    });
    sdk.on('gift', (gift) => {
      const key = `${sub} ${gift.jti}`;
      if (this.#seen.has(key)) this.#counts.doubled += 1;
      this.#seen.add(key);
      if (this.#note('gift', gift.jti, fan)) this.#counts.giftsShown += 1;
      if (gift.number !== undefined) this.#note('sequenced', gift.jti, fan);
    });
    sdk.on('gift_placed', ({ jti }) => this.#note('sequenced', jti, fan));
    await sdk.ready;
  }

  #note(kind: 'comment' | 'gift' | 'sequenced', key: string, fan: Fan): boolean {
    const sent = this.#sent.get(key);
    if (!sent || sent.room !== fan.room) return false;
    this.#lags[kind][pathName({ from: sent.region, to: fan.region })]!.push(performance.now() - sent.atMs);
    return true;
  }

  /** Comments and gifts for so long, then a second for what is on its way. */
  async run(seconds: number): Promise<void> {
    const { commentsPerSecond, giftsPerSecond } = this.#options;
    const began = performance.now();
    const under: Promise<void>[] = [];
    let [comments, gifts] = [0, 0];
    for (let passed = 0; passed < seconds * 1000; passed = performance.now() - began) {
      for (; comments < (passed / 1000) * commentsPerSecond; comments++) under.push(this.#comment(comments));
      for (; gifts < (passed / 1000) * giftsPerSecond; gifts++) under.push(this.#give(gifts));
      await sleep(1);
    }
    await Promise.all(under);
    await sleep(1000);
  }

  async #comment(n: number): Promise<void> {
    const fan = this.#fans[n % this.#fans.length]!;
    const text = `comment ${n} of ${fan.sub}`;
    this.#sent.set(text, { atMs: performance.now(), region: fan.region, room: fan.room });
    this.#counts.comments += 1;
    await fan.sdk.comment(text).catch(() => {
      this.#counts.commentsRefused += 1;
      this.#sent.delete(text);
    });
  }

  async #give(n: number): Promise<void> {
    const { room, region, sub, sdk } = this.#fans[(n * 7) % this.#fans.length]!;
    const jti = `gift-${n}`;
    const ticket = await this.#office.ticket({
      ...{ jti, room, sender: sub, liver: 'mio', item: 'star', reg: region },
      ...{ amount: 100, currency: 'JPY' },
    });
    const atMs = performance.now();
    this.#sent.set(jti, { atMs, region, room });
    this.#counts.gifts += 1;
    await sdk
      .gift(ticket, { timeoutMs: 5000 })
      .then(() => void this.#acks[region].push(performance.now() - atMs))
      .catch(() => {
        this.#counts.giftsRefused += 1;
      });
  }

  result(): SocialRun {
    const perRoom = this.#fans.length / this.#options.rooms.length;
    const counts = this.#counts;
    return {
      comment_ms: summed(this.#lags.comment),
      gift_ms: summed(this.#lags.gift),
      gift_sequenced_ms: summed(this.#lags.sequenced),
      gift_ack_ms: { jp: percentiles(this.#acks.jp), us: percentiles(this.#acks.us) },
      comments: {
        sent: counts.comments,
        refused: counts.commentsRefused,
        shown: counts.commentsShown,
        expected: (counts.comments - counts.commentsRefused) * perRoom,
      },
      gifts: {
        sent: counts.gifts,
        refused: counts.giftsRefused,
        shown: counts.giftsShown,
        expected: (counts.gifts - counts.giftsRefused) * perRoom,
        doubled: counts.doubled,
      },
    };
  }

  async close(): Promise<void> {
    for (const { sdk } of this.#fans) sdk.close();
    await this.#engine.close();
  }
}

const lagsByPath = () => Object.fromEntries(PATHS.map((path) => [pathName(path), [] as number[]]));
const summed = (lags: Record<string, number[]>) =>
  Object.fromEntries(Object.entries(lags).map(([name, values]) => [name, percentiles(values)]));
