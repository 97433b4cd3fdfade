import { connectRoom, type Publisher, publish, type Room, type Watcher, watch } from '@hayate/client';
import type { Engine } from '@hayate/engine';
import { engineConnector } from '@hayate/transport/engine';
import type { Office } from '../../lib/app-backend.ts';
import type { Acked } from '../audit.ts';
import type { Shown } from '../gift-audit.ts';
import { VIEWERS } from './fault.ts';

export const ROOM = 'faults';
const FRAME_MS = 1000 / 30;
const VOICE_MS = 20;
const CHANNELS = 61;
/** In the room, each second. */
const GIFTS = 10;
const COMMENTS = 5;
/** Comments are by so many people, the same ones give. */
const PEOPLE = 10;
const RETRY = { retryMs: 100, maxRetryMs: 500, giveUpMs: 600_000 };
const ENGINE_RETRY_MS = 20_000;

export interface LoadTarget {
  url: string;
  certificateHashes: string[];
}

/** A time in which what viewers get is counted by itself. */
export class Period {
  readonly lagsMs: number[] = [];
  readonly sinceMs = performance.now();
  endedMs = Number.NaN;

  /** One way, capture to arrival, ms; NaN where nothing came. */
  p99(): number {
    const sorted = this.lagsMs.sort((a, b) => a - b);
    return Number((sorted[Math.ceil(sorted.length * 0.99) - 1] ?? Number.NaN).toFixed(1));
  }
}

interface Viewer {
  watcher: Watcher;
  lastFrameMs: number;
  longestMs: number;
  gifts: { number: number; jti: string }[];
  ended: number;
}

/** A liver with voice and motion, its viewers, and people who comment and give: all by the SDK. */
export class Load {
  readonly acked: Acked[] = [];
  readonly refused: Record<string, number> = {};
  gifts = { given: 0, due: 0 };
  comments = { sent: 0, taken: 0, due: 0 };
  frames = { sent: 0, due: 0 };
  readonly #engine: Engine;
  readonly #office: Office;
  readonly #viewers: Viewer[] = [];
  readonly #people: Room[] = [];
  readonly #giving = new Set<Promise<void>>();
  #publisher: Publisher | undefined;
  #period = new Period();
  #timers: NodeJS.Timeout[] = [];
  /** Of the liver and of those who give. */
  #ended = 0;

  constructor(engine: Engine, office: Office) {
    this.#engine = engine;
    this.#office = office;
  }

  /** Resolves once media flows. @param liverToken asked at each connection */
  async start(target: LoadTarget, liverToken: () => Promise<string>): Promise<void> {
    const connector = engineConnector(this.#engine);
    const office = this.#office;
    const at = (sub: string) => ({ ...target, token: () => office.token(ROOM, sub) });
    const options = { connector, ...RETRY };
    this.#publisher = publish(
      { ...target, token: liverToken },
      { ...options, motion: { fps: 30 }, voice: { channels: 1, frameMs: VOICE_MS } },
    );
    this.#publisher.room.on('state', ({ state }) => {
      if (state === 'reconnecting') this.#ended += 1;
    });
    await this.#publisher.ready;
    for (let n = 0; n < VIEWERS; n += 1)
      this.#viewers.push(this.#watch(watch(at(`viewer-${n}`), { ...options, gifts: { after: 0 } })));
    for (let n = 0; n < PEOPLE; n += 1) {
      const room = connectRoom(at(`person-${n}`), options);
      room.on('state', ({ state }) => {
        if (state === 'reconnecting') this.#ended += 1;
      });
      this.#people.push(room);
    }
    await Promise.all([
      ...this.#viewers.map(({ watcher }) => watcher.ready),
      ...this.#people.map((room) => room.ready),
    ]);
    this.#perform(this.#publisher);
  }

  #watch(watcher: Watcher): Viewer {
    const viewer: Viewer = { watcher, lastFrameMs: Number.NaN, longestMs: 0, gifts: [], ended: 0 };
    watcher.onFrame((unit) => {
      viewer.longestMs = Math.max(viewer.longestMs, unit.receivedMs - viewer.lastFrameMs || 0);
      viewer.lastFrameMs = unit.receivedMs;
      if (!unit.backlog) this.#period.lagsMs.push(unit.lagMs);
    });
    watcher.onVoice((unit) => {
      if (!unit.backlog) this.#period.lagsMs.push(unit.lagMs);
    });
    watcher.room.on('gift', ({ kind, number, jti }) => {
      if (kind === 'gift') viewer.gifts.push({ number: number!, jti });
    });
    watcher.room.on('state', ({ state }) => {
      if (state === 'reconnecting') viewer.ended += 1;
    });
    return viewer;
  }

  /** By the clock, not by timers: a late one makes up for it, but for what is too old to be taken. */
  #perform(publisher: Publisher): void {
    const packet = new Uint8Array(60).fill(0xaa);
    packet[0] = 248;
    const since = performance.now();
    let [frames, packets] = [0, 0];
    const values = new Float32Array(CHANNELS);
    const media = () => {
      const passed = performance.now() - since;
      const nowUs = publisher.room.nowUs();
      for (; frames * FRAME_MS <= passed; frames += 1) {
        for (let i = 0; i < CHANNELS; i += 1) values[i] = 0.5 + 0.4 * Math.sin(frames / 7 + i);
        this.frames.due += 1;
        const lateMs = passed - frames * FRAME_MS;
        // What a liver without a session cannot send is the relay's doing, not the load's.
        if (lateMs > 200) continue;
        this.frames.sent += 1;
        publisher.motion({ face: true, values }, nowUs);
      }
      for (; packets * VOICE_MS <= passed; packets += 1) {
        if (passed - packets * VOICE_MS <= 200) publisher.voice(packet, nowUs);
      }
    };
    let people = 0;
    const social = () => {
      const passed = (performance.now() - since) / 1000;
      for (; this.gifts.due < passed * GIFTS; this.gifts.due += 1) this.#give(people++ % PEOPLE);
      for (; this.comments.due < passed * COMMENTS; this.comments.due += 1) {
        this.comments.sent += 1;
        const took = () => {
          this.comments.taken += 1;
        };
        this.#people[this.comments.due % PEOPLE]!.comment(`comment ${this.comments.due}`).then(took, () => {});
      }
    };
    this.#timers = [setInterval(media, 5), setInterval(social, 20)];
  }

  #give(person: number): void {
    const room = this.#people[person]!;
    const jti = `gift-${this.gifts.given++}`;
    const ticket = { jti, room: ROOM, sender: `person-${person}`, liver: 'liver', item: 'star' };
    const gift = { ...ticket, amount: 100, currency: 'JPY', reg: 'local' };
    const one = this.#office
      .ticket(gift)
      .then((text) => room.gift(text, { timeoutMs: ENGINE_RETRY_MS }))
      .then(
        ({ number, gift: id, atMs, repeat }) => {
          // A relay in a cluster answers before the room's place and id are known.
          this.acked.push({
            ticket: gift,
            receipt: { id: id ?? null, room: ROOM, sequence: number ?? null, atMs, repeat },
          });
        },
        ({ code }: { code: string }) => {
          this.refused[code] = (this.refused[code] ?? 0) + 1;
        },
      )
      .finally(() => this.#giving.delete(one));
    this.#giving.add(one);
  }

  /** What comes from now on counts as another time. */
  period(): Period {
    this.#period.endedMs = performance.now();
    this.#period = new Period();
    return this.#period;
  }

  /** Pauses are counted anew. */
  beginPauses(): void {
    for (const viewer of this.#viewers) viewer.longestMs = 0;
  }

  /** The longest any viewer was without a new frame, one that lasts counts; Infinity: it never had one. */
  stillMs(): number {
    return Math.round(
      Math.max(
        ...this.#viewers.map(({ watcher, lastFrameMs, longestMs }) => {
          const lastingMs = watcher.room.nowUs() / 1000 - lastFrameMs;
          return Number.isNaN(lastingMs) ? Number.POSITIVE_INFINITY : Math.max(longestMs, lastingMs);
        }),
      ),
    );
  }

  /** Viewers that had a frame within the last so many ms. */
  flowing(withinMs: number): number {
    return this.#viewers.filter(({ watcher, lastFrameMs }) => watcher.room.nowUs() / 1000 - lastFrameMs <= withinMs)
      .length;
  }

  /** Sessions that were lost so far. */
  get ended(): number {
    return this.#ended + this.#viewers.reduce((sum, { ended }) => sum + ended, 0);
  }

  get givingNow(): number {
    return this.#giving.size;
  }

  /** Of all that was due, the least share that the load itself brought. */
  get held(): number {
    const { frames, gifts, comments } = this;
    const shares = [frames.sent / frames.due, gifts.given / gifts.due, comments.sent / comments.due];
    return Number(Math.min(...shares).toFixed(3));
  }

  shown(): Shown[] {
    return this.#viewers.map(({ gifts }) => ({ room: ROOM, gifts }));
  }

  /** Nobody gives or comments any more; media goes on. */
  quiet(): void {
    clearInterval(this.#timers[1]);
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    for (const { watcher } of this.#viewers) watcher.close();
    for (const room of this.#people) room.close();
    await this.#publisher?.close().catch(() => {});
  }
}
