import {
  DATAGRAM_TYPE,
  encodeProbe,
  encodeRefresh,
  MAX_DATAGRAM_BYTES,
  MAX_SLOTS,
  parseProbeReply,
  type ReceivedUnit,
  UNIT_KIND,
  type UnitKind,
  UnitReceiver,
} from '@hayate/codec/bundle';
import { ClockSync } from '@hayate/codec/clock';
import { HayateError } from '@hayate/codec/errors';
import type { RelaySession } from '../room/relay-session.ts';
import type { RelayRoom } from '../room/room.ts';
import type { BundleCounts } from '../src/types.ts';
import { GapAsker } from './asker.ts';
import { Bundles } from './bundles.ts';
import { Silence } from './silence.ts';
import type { Timing } from './slots.ts';

/** Units that came before the first clock sample or before the control stream told their codec. */
const MAX_HELD = 256;
const MAX_HELD_MS = 1000;
/** How often the path is judged. */
const LOOK_US = 1_000_000;

interface Held {
  unit: ReceivedUnit;
  receivedUs: number;
}

export interface WatchPathOptions {
  room: RelayRoom;
  session: RelaySession;
  /** Of the room in this session. */
  alias: number;
  /** Each unit once. False: it must wait, its codec is not known yet. */
  onUnit(unit: ReceivedUnit, timing: Timing): boolean;
  onDrop(reason: string): void;
}

/** A viewer's end of one session: datagrams to units with times of this viewer's clock, and requests for what is missing. */
export class WatchPath {
  readonly session: RelaySession;
  readonly receiver: UnitReceiver;
  readonly #options: WatchPathOptions;
  readonly #room: RelayRoom;
  readonly #asker: GapAsker;
  readonly #clock: ClockSync;
  readonly #bundles = new Bundles();
  /** Undefined where no packet is lost: TCP. */
  readonly #silence: Silence | undefined;
  #held: Held[] = [];
  #joinedUs = Number.POSITIVE_INFINITY;
  #probeTimer: unknown;
  #askTimer: unknown;
  #askMs = Number.POSITIVE_INFINITY;
  #asked = 0;
  #stopped = false;
  #lookedUs = Number.NEGATIVE_INFINITY;

  constructor(options: WatchPathOptions) {
    this.#options = options;
    this.#room = options.room;
    this.session = options.session;
    this.receiver = new UnitReceiver(options.alias);
    this.#asker = new GapAsker(options.alias);
    const { random } = options.room.environment;
    this.#clock = new ClockSync({ randomId: () => Math.floor(random() * 2 ** 32) });
    const { transport } = options.session;
    if (transport.reliability === 'supports-unreliable') {
      this.#silence = new Silence(options.room.environment, () => {
        transport.sendDatagram(encodeRefresh(MAX_DATAGRAM_BYTES));
      });
    }
    this.#probe();
  }

  /** The relay said yes: what was captured before is backlog. */
  joined(): void {
    this.#joinedUs = this.#room.nowUs();
  }

  /** Undefined before the first answer to a probe. */
  get rttMs(): number | undefined {
    const { rttUs } = this.#clock;
    return rttUs === undefined ? undefined : rttUs / 1000;
  }

  /** Of the relay's clock as it is known here now. */
  get clockUncertaintyMs(): number {
    return this.#clock.synced ? this.#clock.uncertaintyUs(this.#room.nowUs()) / 1000 : Number.POSITIVE_INFINITY;
  }

  get bundles(): BundleCounts {
    return this.#bundles.counts;
  }

  /** Requests for what is missing that were sent. */
  get asked(): number {
    return this.#asked;
  }

  onDatagram(type: number, data: Uint8Array, receivedAtUs: number): void {
    if (type === DATAGRAM_TYPE.bundle) {
      this.#silence?.heard();
      const units = this.receiver.receive(data);
      this.#bundles.arrived(data.length, units);
      this.#ask(this.#asker.arrived(units, this.#room.nowUs() / 1000));
      for (const unit of units) if (!this.#deliver(unit, receivedAtUs)) this.#hold(unit, receivedAtUs);
    } else if (type === DATAGRAM_TYPE.probeReply) {
      this.#onReply(data, receivedAtUs);
    } else {
      this.#options.onDrop('unknown_type');
    }
  }

  /** Tries again what waited. */
  release(): void {
    if (this.#held.length === 0) return;
    const held = this.#held;
    this.#held = [];
    const oldestUs = this.#room.nowUs() - MAX_HELD_MS * 1000;
    for (const entry of held) {
      if (entry.receivedUs < oldestUs) this.#options.onDrop('held_too_long');
      else if (!this.#deliver(entry.unit, entry.receivedUs)) this.#held.push(entry);
    }
  }

  /** Nothing is sent any more, nothing waits. Idempotent. */
  stop(): void {
    this.#stopped = true;
    this.#silence?.stop();
    const { environment } = this.#room;
    if (this.#probeTimer !== undefined) environment.clearTimer(this.#probeTimer);
    this.#probeTimer = undefined;
    if (this.#askTimer !== undefined) environment.clearTimer(this.#askTimer);
    this.#askTimer = undefined;
    this.#held = [];
  }

  #probe(): void {
    const nowUs = this.#room.nowUs();
    const probe = this.#clock.nextProbe(nowUs);
    if (probe) this.session.transport.sendDatagram(encodeProbe(probe));
    const waitMs = Math.max(1, (this.#clock.nextProbeAtUs - nowUs) / 1000);
    this.#probeTimer = this.#room.environment.setTimer(() => this.#probe(), waitMs);
    this.#judge(nowUs);
  }

  #judge(nowUs: number): void {
    if (nowUs - this.#lookedUs < LOOK_US) return;
    this.#lookedUs = nowUs;
    // Of motion a relay leaves out what a path does not carry; voice it never does.
    const voice = this.#counts(UNIT_KIND.voice);
    const { received, lost } = voice.received > 0 ? voice : this.#counts(UNIT_KIND.motion);
    this.session.judge(received, lost);
  }

  #counts(kind: UnitKind): { received: number; lost: number } {
    const sum = { received: 0, lost: 0 };
    for (let slot = 0; slot < MAX_SLOTS; slot += 1) {
      const { received, lost } = this.receiver.counts(slot, kind);
      sum.received += received;
      sum.lost += lost;
    }
    return sum;
  }

  /** Sends a request for what is missing, and sees to it that the next one comes in time. One timer, armed anew for less. */
  #ask(request: Uint8Array | undefined): void {
    // What does not come there was left out, since it would have come too late.
    if (this.session.transport.reliability === 'reliable-only') return;
    if (request) {
      this.#asked += 1;
      this.session.transport.sendDatagram(request);
    }
    const { environment } = this.#room;
    const nextMs = this.#asker.nextMs;
    if (this.#askTimer !== undefined && nextMs >= this.#askMs) return;
    if (this.#askTimer !== undefined) environment.clearTimer(this.#askTimer);
    this.#askTimer = undefined;
    if (this.#stopped || nextMs === Number.POSITIVE_INFINITY) return;
    this.#askMs = nextMs;
    const waitMs = Math.max(1, nextMs - this.#room.nowUs() / 1000);
    this.#askTimer = environment.setTimer(() => {
      this.#askTimer = undefined;
      this.#ask(this.#asker.due(this.#room.nowUs() / 1000));
    }, waitMs);
  }

  #onReply(data: Uint8Array, receivedAtUs: number): void {
    const wasSynced = this.#clock.synced;
    try {
      this.#clock.onReply(parseProbeReply(data), Math.floor(receivedAtUs));
    } catch (error) {
      if (!(error instanceof HayateError)) throw error;
      this.#options.onDrop(error.code);
      return;
    }
    const { rttMs } = this;
    if (rttMs !== undefined) this.#asker.setRtt(rttMs);
    if (!wasSynced) this.release();
  }

  /** Returns false when the unit must wait: its time or its codec is not known yet. */
  #deliver(unit: ReceivedUnit, receivedUs: number): boolean {
    const captureUs = this.#clock.toOwnUs(unit.captureUs, Math.floor(receivedUs));
    if (captureUs === undefined) return false;
    return this.#options.onUnit(unit, {
      captureMs: captureUs / 1000,
      receivedMs: receivedUs / 1000,
      lagMs: (receivedUs - captureUs) / 1000,
      uncertaintyMs: (unit.uncertaintyUs + this.#clock.uncertaintyUs(receivedUs)) / 1000,
      backlog: captureUs < this.#joinedUs,
    });
  }

  #hold(unit: ReceivedUnit, receivedUs: number): void {
    if (this.#held.length >= MAX_HELD) {
      this.#held.shift();
      this.#options.onDrop('held_too_long');
    }
    this.#held.push({ unit: { ...unit, payload: unit.payload.slice() }, receivedUs });
  }
}
