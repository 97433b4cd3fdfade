import {
  encodeMissing,
  MAX_MISSING_ENTRIES,
  type MissingEntry,
  type ReceivedUnit,
  UNIT_KIND,
} from '@hayate/codec/bundle';

/** A unit is asked for so often each time that it is found missing, so often in all, */
const ASKS = 2;
const MAX_ASKS = 4;
/** and after so long no more: it would come too late. */
const FORGET_MS = 180;
/** A longer gap is no loss but an outage, or another count. */
const MAX_GAP = 24;
/** Between two requests for one unit there is the round trip and so much, ms. */
const AGAIN_MS = 6;
/** The next datagram is overdue so long after the latest of the last ones would have come, ms. */
const OVERDUE_MS = 2;
/** Datagrams whose lag counts for that. */
const LAGS = 32;
const STRIDES = 4;
/** Requests a second and at once: a viewer that lacks more has no use for the rest. */
const PER_SECOND = 40;
const BURST = 8;
const VOICE_FRAME_US = 20_000;

interface Wanted {
  asks: number;
  /** So often at most: more than twice when it was expected too early at first. */
  mostAsks: number;
  askedMs: number;
  sinceMs: number;
  nextMs: number;
}

/** What came of one kind of units of one slot. */
class Track {
  readonly slot: number;
  readonly generation: number;
  readonly kind: ReceivedUnit['kind'];
  readonly wanted = new Map<number, Wanted>();
  newest: number;
  /** When the datagram after the last one is late; Infinity: it was asked for. */
  overdueMs = Number.POSITIVE_INFINITY;
  #captureMs: number;
  /** Between two units, ms. */
  frameMs = VOICE_FRAME_US / 1000;
  readonly #lags: number[] = [];
  readonly #strides: number[] = [];

  constructor({ slot, generation, kind, sequence, captureUs }: ReceivedUnit) {
    this.slot = slot;
    this.generation = generation;
    this.kind = kind;
    this.newest = sequence;
    this.#captureMs = captureUs / 1000;
  }

  /** Units that come in one datagram, by the least seen lately: one that was lost makes the next stride longer. */
  get stride(): number {
    return Math.max(1, Math.min(...this.#strides));
  }

  /** `unit` is ahead by so many. What lies between is missing. */
  advance(unit: ReceivedUnit, ahead: number, nowMs: number, retryMs: number): void {
    const captureMs = unit.captureUs / 1000;
    const frameMs = (captureMs - this.#captureMs) / ahead;
    if (frameMs > 1 && frameMs < 200) this.frameMs += (frameMs - this.frameMs) / 4;
    this.#captureMs = captureMs;
    if (ahead > MAX_GAP) this.wanted.clear();
    else for (let n = 1; n < ahead; n += 1) this.want((this.newest + n) >>> 0, nowMs, retryMs);
    this.newest = unit.sequence;
    this.wanted.delete(unit.sequence);
  }

  /** It should have come. What is known to be missing already is asked for once more at most, and not too soon. */
  want(sequence: number, nowMs: number, retryMs: number): void {
    const known = this.wanted.get(sequence);
    if (!known) {
      this.wanted.set(sequence, { asks: 0, mostAsks: ASKS, askedMs: nowMs, sinceMs: nowMs, nextMs: nowMs });
    } else if (known.nextMs === Number.POSITIVE_INFINITY && known.mostAsks < MAX_ASKS) {
      known.mostAsks += 1;
      known.nextMs = Math.max(nowMs, known.askedMs + retryMs);
    }
  }

  /** A datagram ended with `newest`, `stride` units after the one before; undefined: it was asked for, and tells no times. */
  arrived(stride: number | undefined, nowMs: number): void {
    if (stride !== undefined) {
      this.#strides.push(stride);
      if (this.#strides.length > STRIDES) this.#strides.shift();
      this.#lags.push(nowMs - this.#captureMs);
      if (this.#lags.length > LAGS) this.#lags.shift();
    }
    const known = this.#lags.length >= LAGS / 2;
    const dueMs = this.#captureMs + this.stride * this.frameMs + Math.max(...this.#lags) + OVERDUE_MS;
    this.overdueMs = known ? Math.max(dueMs, nowMs) : Number.POSITIVE_INFINITY;
  }

  /** A key makes what is before it useless. */
  dropBefore(sequence: number): void {
    for (const wanted of this.wanted.keys()) if (((wanted - sequence) | 0) < 0) this.wanted.delete(wanted);
  }
}

/**
 * Notices what one viewer lacks, by gaps in the sequences and by datagrams that do not come when they should, and asks the
 * relay for it. Bounded in state and in what it sends. Pure: `nowMs` is any steady clock; capture times are the relay's.
 */
export class GapAsker {
  readonly #alias: number;
  readonly #tracks = new Map<number, Track>();
  #retryMs = 40;
  #tokens = BURST;
  #tokensMs = Number.NaN;
  /** Units asked for, each as often as it was. */
  asked = 0;

  constructor(alias: number) {
    this.#alias = alias;
  }

  /** The round trip to the relay, ms: between two requests for one unit lies so much and a little. */
  setRtt(rttMs: number): void {
    this.#retryMs = rttMs + AGAIN_MS;
  }

  /** When `due` has something to do; Infinity: not before another datagram. */
  get nextMs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { overdueMs, wanted } of this.#tracks.values()) {
      next = Math.min(next, overdueMs);
      for (const { nextMs } of wanted.values()) next = Math.min(next, nextMs);
    }
    return next;
  }

  /** Takes the new units of one datagram. Gives the request that is to be sent now, if any. */
  arrived(units: readonly ReceivedUnit[], nowMs: number): Uint8Array | undefined {
    const strides = new Map<Track, number>();
    let repair = false;
    for (const unit of units) {
      if (unit.kind === UNIT_KIND.event) continue;
      const key = (unit.slot << 2) | unit.kind;
      const track = this.#tracks.get(key);
      if (track?.generation !== unit.generation) {
        this.#tracks.set(key, new Track(unit));
        continue;
      }
      repair ||= (track.wanted.get(unit.sequence)?.asks ?? 0) > 0;
      const ahead = (unit.sequence - track.newest) | 0;
      if (ahead > 0) {
        track.advance(unit, ahead, nowMs, this.#retryMs);
        strides.set(track, (strides.get(track) ?? 0) + ahead);
      } else track.wanted.delete(unit.sequence);
      if (unit.kind === UNIT_KIND.motion && unit.key) track.dropBefore(unit.sequence);
    }
    for (const [track, stride] of strides) track.arrived(repair ? undefined : stride, nowMs);
    return this.due(nowMs);
  }

  /** Lets time pass. Gives the request that is to be sent now, if any. */
  due(nowMs: number): Uint8Array | undefined {
    const entries: MissingEntry[] = [];
    for (const track of this.#tracks.values()) {
      if (track.overdueMs <= nowMs) this.#overdue(track, nowMs);
    }
    for (const track of this.#tracks.values()) this.#collect(track, nowMs, entries);
    if (entries.length === 0 || !this.#mayAsk(nowMs)) return undefined;
    return encodeMissing({ alias: this.#alias, entries });
  }

  /** The datagram that should have come holds so many more units, and other kinds of that time. */
  #overdue(track: Track, nowMs: number): void {
    track.overdueMs = Number.POSITIVE_INFINITY;
    const spanMs = track.stride * track.frameMs;
    for (const other of this.#tracks.values()) {
      if (other.slot !== track.slot || other.generation !== track.generation) continue;
      const units = other === track ? track.stride : Math.ceil(spanMs / other.frameMs);
      for (let n = 1; n <= Math.min(units, MAX_GAP); n += 1) other.want((other.newest + n) >>> 0, nowMs, this.#retryMs);
    }
  }

  #collect(track: Track, nowMs: number, entries: MissingEntry[]): void {
    const { slot, kind, generation } = track;
    let entry: MissingEntry | undefined;
    for (const [sequence, wanted] of track.wanted) {
      if (nowMs - wanted.sinceMs > FORGET_MS) {
        track.wanted.delete(sequence);
        continue;
      }
      if (wanted.nextMs > nowMs) continue;
      const after = entry === undefined ? -1 : (sequence - entry.first) | 0;
      if (entry !== undefined && after >= 1 && after <= 8) entry.more |= 1 << (after - 1);
      else if (entries.length >= MAX_MISSING_ENTRIES) break;
      else {
        entry = { slot, kind, generation, first: sequence, more: 0 };
        entries.push(entry);
      }
      this.asked += 1;
      wanted.asks += 1;
      wanted.askedMs = nowMs;
      wanted.nextMs = wanted.asks >= wanted.mostAsks ? Number.POSITIVE_INFINITY : nowMs + this.#retryMs;
    }
    // What was asked for often enough is kept to know it by, until it is old.
    if (track.wanted.size > 2 * MAX_GAP) track.wanted.clear();
  }

  #mayAsk(nowMs: number): boolean {
    const passedMs = Number.isNaN(this.#tokensMs) ? 0 : Math.max(0, nowMs - this.#tokensMs);
    this.#tokensMs = nowMs;
    this.#tokens = Math.min(BURST, this.#tokens + (PER_SECOND * passedMs) / 1000);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
