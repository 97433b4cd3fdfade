import { type Engine, openEngine } from '@hayate/engine';
import { Control, controlStream } from '@hayate/loadtest/internal';
import { mintToken, readSharedKey } from '@hayate/relay';
import type { RelayPlace } from './media-crowd.ts';

/** As the SDK: silent for so long a relay is dead, and who leaves it waits a little, or all would come at once. */
const DEAD_AFTER_MS = 600;
const RETRY_MS = 150;
const MAX_RETRY_MS = 2000;
/** As the SDK: a relay that drains is left within this share of its grace, and read for so long once another one is joined. */
const LEAVE_SHARE = 0.5;
const LINGER_MS = 500;
const CONNECT_LIMIT_MS = 5000;
const LINK = { tx: { delayMs: 5 }, rx: { delayMs: 5 } };
/** Shared sockets, or a crowd runs out of ports. */
const SOCKETS = 16;
const AT_ONCE = 50;

/**
 * Viewers of which a thousand fit beside the relays that they move between: datagrams are acknowledged and counted, and none
 * crosses into JavaScript. A relay cannot tell them from those that draw. They notice a relay that is dead or drains, wait and
 * go to the next one as the SDK does.
 */
export class LightCrowd {
  readonly #engine = openEngine();
  readonly #viewers: LightViewer[] = [];

  /** @param relays the first one is gone to, then the next, and so on in a ring */
  async watch(room: string, count: number, { relays, keyFile }: { relays: readonly RelayPlace[]; keyFile: string }) {
    const key = readSharedKey(keyFile);
    const coming: Promise<void>[] = [];
    for (let n = 0; n < count; n += 1) {
      const sub = `light-${this.#viewers.length}`;
      const token = await mintToken(key, { room, sub, roles: ['viewer'], ttlSeconds: 3600 });
      const viewer = new LightViewer(this.#engine, relays, token, this.#viewers.length);
      this.#viewers.push(viewer);
      coming.push(viewer.enter());
      if (coming.length % AT_ONCE === 0) await Promise.all(coming);
    }
    await Promise.all(coming);
  }

  get size(): number {
    return this.#viewers.length;
  }

  /** When each came to another relay last, `performance.now()`; infinite for who did not. */
  movedMs(): number[] {
    return this.#viewers.map(({ movedMs }) => movedMs);
  }

  /** How long each was without a session since `begin`; 0 for who had the next one before the last one ended. */
  gapsMs(): number[] {
    return this.#viewers.map((viewer) => viewer.gapMs);
  }

  /** Moves and gaps are counted anew. */
  begin(): void {
    for (const viewer of this.#viewers) viewer.begin();
  }

  /** Those to whom nothing came for `ms`. */
  async without(ms: number): Promise<number> {
    const read = () => Promise.all(this.#viewers.map((viewer) => viewer.receivedBytes()));
    const before = await read();
    await new Promise((resolve) => setTimeout(resolve, ms));
    const after = await read();
    return after.filter((bytes, n) => !(bytes > before[n]!)).length;
  }

  async close(): Promise<void> {
    for (const viewer of this.#viewers) viewer.close();
    await this.#engine.close();
  }
}

class LightViewer {
  readonly #engine: Engine;
  readonly #relays: readonly RelayPlace[];
  readonly #token: string;
  readonly #group: number;
  #at = 0;
  #control: Control | undefined;
  /** One that drains, while the next one is entered. */
  #leaving: Control | undefined;
  #endedMs = Number.NaN;
  #longestGapMs = 0;
  #attempts = 0;
  #closed = false;
  movedMs = Number.POSITIVE_INFINITY;

  constructor(engine: Engine, relays: readonly RelayPlace[], token: string, n: number) {
    this.#engine = engine;
    this.#relays = relays;
    this.#token = token;
    this.#group = 1 + (n % SOCKETS);
  }

  /** Rejects with the relay's refusal. */
  async enter(): Promise<void> {
    this.#take(await this.#open());
  }

  get gapMs(): number {
    return Math.max(this.#longestGapMs, this.#control ? 0 : performance.now() - this.#endedMs);
  }

  begin(): void {
    this.movedMs = Number.POSITIVE_INFINITY;
    this.#longestGapMs = 0;
  }

  async receivedBytes(): Promise<number> {
    return (await this.#control?.session.getStats().catch(() => undefined))?.['bytes_in'] ?? 0;
  }

  close(): void {
    this.#closed = true;
    this.#control?.session.close();
  }

  async #open(): Promise<Control> {
    const { url, hashes } = this.#relays[this.#at % this.#relays.length]!.process;
    const session = this.#engine.connect(url, {
      serverCertificateHashes: hashes.map((hash) => ({ algorithm: 'sha-256', value: Buffer.from(hash, 'hex') })),
      ...{ socketGroup: this.#group, link: LINK, connectTimeoutMs: CONNECT_LIMIT_MS },
      // What nothing is heard of for so long is closed: the silence that the SDK counts by itself.
      limits: { idleTimeoutMs: DEAD_AFTER_MS },
    });
    session.setDatagramMode('refuse');
    try {
      const control = new Control(session, await controlStream(session));
      control.send({ t: 'hello', v: 1, token: this.#token });
      control.send({ t: 'watch', id: 1 });
      await control.answer('done');
      return control;
    } catch (error) {
      session.close();
      throw error;
    }
  }

  #take(control: Control): void {
    if (this.#closed) {
      control.session.close();
      return;
    }
    if (!this.#control && !Number.isNaN(this.#endedMs))
      this.#longestGapMs = Math.max(this.#longestGapMs, performance.now() - this.#endedMs);
    this.#control = control;
    this.#attempts = 0;
    const ended = () => {
      if (this.#control !== control) return;
      this.#control = undefined;
      this.#endedMs = performance.now();
      if (this.#leaving === control) return;
      this.#at += 1;
      this.#again();
    };
    control.session.closed.then(ended, ended);
    this.#listen(control).catch(() => {});
  }

  async #listen(control: Control): Promise<void> {
    for (;;) {
      const message = await control.next();
      if (message.t !== 'draining' || this.#control !== control || this.#leaving) continue;
      setTimeout(() => this.#leave(control), Math.random() * LEAVE_SHARE * message.deadlineMs);
    }
  }

  /** The next one is entered before this one is left. */
  #leave(control: Control): void {
    if (this.#closed || this.#control !== control) return;
    this.#leaving = control;
    this.#at += 1;
    this.#open().then(
      (next) => {
        this.#leaving = undefined;
        this.#take(next);
        this.movedMs = performance.now();
        setTimeout(() => control.session.close(), LINGER_MS);
      },
      () => {
        this.#leaving = undefined;
        if (this.#control) this.#leave(control);
        else this.#again();
      },
    );
  }

  #again(): void {
    if (this.#closed) return;
    const waitMs = Math.random() * Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** this.#attempts);
    this.#attempts += 1;
    setTimeout(() => {
      if (this.#closed) return;
      this.enter().then(
        () => {
          this.movedMs = performance.now();
        },
        () => this.#again(),
      );
    }, waitMs);
  }
}
