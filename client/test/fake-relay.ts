import { encodeHeartbeat, encodeProbeReply, packBundles, parseProbe, type TimedUnit } from '@hayate/codec/bundle';
import { type ClientMessage, encodeMessage, MessageReader, type RelayMessage } from '@hayate/codec/messages';
import type { Connector } from '@hayate/transport';
import { ManualClock, type MemoryLink, MemoryServer, type MemorySession } from '@hayate/transport/memory';
import type { Environment } from '../room/environment.ts';
import { createEntry, type Entry } from '../src/internal.ts';
import type { FakeGifts } from './fake-gifts.ts';

/** What the calendar says when the client's clock is at 0. */
const START_WALL_MS = 1_800_000_000_000;

const welcome: Extract<RelayMessage, { t: 'welcome' }> = {
  t: 'welcome',
  v: 1,
  session: 's1',
  room: 'demo',
  alias: 300,
  sub: 'ann',
  roles: ['liver', 'viewer'],
  permissions: ['publish', 'watch', 'comment', 'react', 'gift', 'speak'],
  expiresAt: 4_102_444_800_000,
  budgetMs: 100,
  livers: [],
};

/** Lets every promise that can settle now settle. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** What the relay does with one client's session; a test overrides what it needs. */
export interface Script {
  welcome: Partial<Extract<RelayMessage, { t: 'welcome' }>>;
  /** Close code in place of `welcome`. */
  refuse: number | undefined;
  /** What one join costs: the next one waits. */
  joinMs: number;
  heartbeats: boolean;
  probes: boolean;
  /** Answers to requests; undefined stays silent. */
  answer(message: Exclude<ClientMessage, { t: 'hello' | 'comments' | 'gifts' | 'report' }>): RelayMessage | undefined;
  gifts: FakeGifts | undefined;
}

export class FakeSession {
  readonly transport: MemorySession;
  readonly received: ClientMessage[] = [];
  readonly datagrams: Uint8Array[] = [];
  readonly #relay: FakeRelay;
  #control: WritableStreamDefaultWriter<Uint8Array> | undefined;
  comments: WritableStreamDefaultWriter<Uint8Array> | undefined;

  constructor(relay: FakeRelay, transport: MemorySession) {
    this.#relay = relay;
    this.transport = transport;
    transport.setDatagramHandler((data) => this.#onDatagram(data));
    void this.#accept();
    this.#heartbeat();
  }

  send(message: RelayMessage): void {
    if (!this.#relay.dead) this.#control?.write(encodeMessage(message)).catch(() => {});
  }

  sendComment(message: RelayMessage): void {
    this.comments?.write(encodeMessage(message)).catch(() => {});
  }

  sendUnits(units: TimedUnit[], uncertainty16 = 0): void {
    if (this.#relay.dead) return;
    const { alias } = this.#relay;
    for (const datagram of packBundles(units, { alias, uncertainty16 })) this.transport.sendDatagram(datagram);
  }

  async #accept(): Promise<void> {
    const reader = this.transport.incomingBidirectional.getReader();
    for (;;) {
      const { value: stream, done } = await reader.read();
      if (done) return;
      const writer = stream.writable.getWriter();
      writer.closed.catch(() => {});
      this.#read(stream.readable, writer).catch(() => {});
    }
  }

  async #read(readable: ReadableStream<Uint8Array>, writer: WritableStreamDefaultWriter<Uint8Array>): Promise<void> {
    const reader = readable.getReader();
    const messages = new MessageReader({ from: 'client' });
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      messages.push(value);
      for (let message = messages.next(); message; message = messages.next()) this.#onMessage(message, writer);
    }
  }

  #onMessage(message: ClientMessage, writer: WritableStreamDefaultWriter<Uint8Array>): void {
    if (this.#relay.dead) return;
    this.received.push(message);
    const { script } = this.#relay;
    if (script.gifts && (message.t === 'gifts' || message.t === 'gift')) {
      script.gifts.take(message, writer);
      return;
    }
    if (message.t === 'hello') {
      this.#control = writer;
      if (script.refuse !== undefined) this.transport.close({ closeCode: script.refuse, reason: 'as scripted' });
      else this.#relay.join(() => this.send({ ...welcome, alias: this.#relay.alias, ...script.welcome }));
    } else if (message.t === 'comments') {
      this.comments = writer;
    } else if (message.t !== 'report' && message.t !== 'gifts') {
      const answer = script.answer(message);
      if (answer) writer.write(encodeMessage(answer)).catch(() => {});
    }
  }

  #onDatagram(data: Uint8Array): void {
    this.datagrams.push(data.slice());
    if (data[0] !== 0x02 || !this.#relay.script.probes || this.#relay.dead) return;
    const nowUs = this.#relay.nowUs();
    this.transport.sendDatagram(encodeProbeReply({ ...parseProbe(data), t2Us: nowUs, t3Us: nowUs }));
  }

  #heartbeat(): void {
    if (this.transport.core.state !== 'open') return;
    if (this.#relay.script.heartbeats && !this.#relay.dead) this.transport.sendDatagram(encodeHeartbeat());
    this.#relay.environment.setTimer(() => this.#heartbeat(), 200);
  }
}

export interface FakeRelayOptions {
  up?: MemoryLink;
  down?: MemoryLink;
  offsetUs?: number;
  alias?: number;
  /** Of several relays: one for all. */
  clock?: ManualClock;
}

/** A relay that plays a script, without a network, in the test's own time. */
export class FakeRelay {
  readonly clock: ManualClock;
  readonly alias: number;
  readonly connector: Connector;
  readonly environment: Environment;
  readonly entry: Entry;
  readonly sessions: FakeSession[] = [];
  /** Instants (ms) at which clients dialled. */
  readonly dialled: number[] = [];
  /** Relay clock minus client clock. */
  readonly offsetUs: number;
  readonly script: Script = {
    welcome: {},
    refuse: undefined,
    joinMs: 0,
    heartbeats: true,
    probes: true,
    gifts: undefined,
    answer: (message) => {
      if (message.t === 'publish') return { t: 'publishing', id: message.id, slot: 2, gen: 7 };
      return { t: 'done', id: message.id };
    },
  };
  /** What `environment.random` gives. */
  random: () => number = () => 0.5;
  /** Nobody answers while set. */
  deaf = false;
  /** Killed: sessions stay as they are, nothing comes of them or of new ones. */
  dead = false;
  #timers = 0;
  #busyUntilUs = 0;

  constructor(options: FakeRelayOptions = {}) {
    this.offsetUs = options.offsetUs ?? 0;
    this.alias = options.alias ?? 300;
    this.clock = options.clock ?? new ManualClock(5_000_000);
    this.environment = {
      nowMs: () => this.clock.nowUs() / 1000,
      wallMs: () => START_WALL_MS + this.clock.nowUs() / 1000,
      setTimer: (run, delayMs) => {
        const timer = { live: true };
        this.#timers += 1;
        this.clock.schedule(this.clock.nowUs() + Math.max(0, delayMs) * 1000, () => {
          if (!timer.live) return;
          timer.live = false;
          this.#timers -= 1;
          run();
        });
        return timer;
      },
      clearTimer: (handle) => {
        const timer = handle as { live: boolean } | undefined;
        if (!timer?.live) return;
        timer.live = false;
        this.#timers -= 1;
      },
      random: () => this.random(),
    };
    const links = { clock: this.clock, up: options.up ?? {}, down: options.down ?? {} };
    const server = new MemoryServer(links);
    const empty = new MemoryServer(links);
    void empty.close();
    const connect = server.connector();
    const nobody = empty.connector();
    const silent = server.connector({ up: { delayMs: 1e9 } });
    this.connector = (url, connectOptions) => {
      this.dialled.push(this.clock.nowUs() / 1000);
      return (this.dead ? silent : this.deaf ? nobody : connect)(url, connectOptions);
    };
    this.entry = createEntry({ environment: this.environment, defaultConnector: () => this.connector });
    void this.#accept(server);
  }

  /** Timers now armed. */
  get timers(): number {
    return this.#timers;
  }

  get last(): FakeSession {
    return this.sessions.at(-1)!;
  }

  nowUs(): number {
    return this.clock.nowUs() + this.offsetUs;
  }

  /** Welcomes are made one after the other. */
  join(welcome: () => void): void {
    const { joinMs } = this.script;
    this.#busyUntilUs = Math.max(this.clock.nowUs(), this.#busyUntilUs) + joinMs * 1000;
    if (joinMs === 0) welcome();
    else this.clock.schedule(this.#busyUntilUs, welcome);
  }

  /** Moves time on in small steps, promises settling between. */
  async advance(ms: number): Promise<void> {
    await settle();
    // A message crosses in one step: small ones first, for what goes to and fro.
    for (let done = 0; done < ms; ) {
      const stepMs = Math.min(done < 20 ? 1 : 5, ms - done);
      this.clock.advance(stepMs);
      done += stepMs;
      await settle();
    }
  }

  async #accept(server: MemoryServer): Promise<void> {
    for await (const { session } of server.sessions)
      this.sessions.push(new FakeSession(this, session as MemorySession));
  }
}

export const TARGET = { url: 'https://memory/v1', token: 'good' };
