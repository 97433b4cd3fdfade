import { type Probe, type ProbeReply, signed48, wrap48 } from '../bundle/index.ts';

const BURST_PROBES = 8;
const BURST_GAP_US = 25_000;
const PROBE_GAP_US = 1_000_000;
const WINDOW_US = 30_000_000;
const AGE_US_PER_SECOND = 50;
/** Two samples differ by at most their uncertainties, what crystals drift apart meanwhile (ppm) and so much; else a clock jumped. */
const DRIFT_PPM = 500;
const JUMP_US = 2_000;
/** A reply later than this counts as lost: its sample would be useless. */
const REPLY_LIMIT_US = 3_000_000;
const MAX_OUTSTANDING = 16;

export interface ClockSyncOptions {
  /** Gives a random u32: the id of a probe. Not guessable by a third party where that matters. */
  randomId: () => number;
}

/** `unasked`: no probe of this id and time is outstanding. `implausible`: the four times contradict each other. */
export type ReplyVerdict = 'taken' | 'unasked' | 'implausible';

interface Sample {
  atUs: number;
  rttUs: number;
  offsetUs: number;
}

/**
 * Syncs one's own clock with that of one direct peer by probes, docs/protocol.md section 2. Own times are us, not
 * wrapped, from any steady clock; the caller sends what `nextProbe` gives. Fixed memory.
 */
export class ClockSync {
  readonly #randomId: () => number;
  readonly #outstanding = new Map<number, number>();
  // Rising rtt from front to back, rising time too: the front is the least of the window.
  #samples: Sample[] = [];
  #sent = 0;
  #nextAtUs = Number.NEGATIVE_INFINITY;

  constructor(options: ClockSyncOptions) {
    this.#randomId = options.randomId;
  }

  /** When `nextProbe` has something to say; -Infinity before the first call. */
  get nextProbeAtUs(): number {
    return this.#nextAtUs;
  }

  /** The probe that is due, or undefined. Its `t1Us` is `nowUs` wrapped: send it at once. */
  nextProbe(nowUs: number): Probe | undefined {
    if (nowUs < this.#nextAtUs) return undefined;
    for (const [old, oldUs] of this.#outstanding) {
      if (nowUs - oldUs > REPLY_LIMIT_US || this.#outstanding.size >= MAX_OUTSTANDING) this.#outstanding.delete(old);
    }
    const id = this.#randomId() >>> 0;
    // Whole us, as on the wire: the reply's t1 must be found equal.
    const sentUs = Math.floor(nowUs);
    this.#outstanding.delete(id);
    this.#outstanding.set(id, sentUs);
    this.#sent++;
    this.#nextAtUs = nowUs + (this.#sent < BURST_PROBES ? BURST_GAP_US : PROBE_GAP_US);
    return { id, t1Us: wrap48(sentUs) };
  }

  /** Takes a reply that arrived at `t4Us` of the own clock. */
  onReply(reply: ProbeReply, t4Us: number): ReplyVerdict {
    const sentUs = this.#outstanding.get(reply.id);
    if (sentUs === undefined || wrap48(sentUs) !== reply.t1Us) return 'unasked';
    this.#outstanding.delete(reply.id);
    const heldUs = signed48(reply.t3Us - reply.t2Us);
    const rttUs = t4Us - sentUs - heldUs;
    if (heldUs < 0 || rttUs < 0) return 'implausible';
    if (t4Us - sentUs > REPLY_LIMIT_US) return 'unasked';
    // ((t2 - t1) + (t3 - t4)) / 2, in a form that a wrap of either clock does not split.
    const offsetUs = signed48(reply.t2Us - reply.t1Us) - Math.floor(rttUs / 2);
    if (this.#contradicts(t4Us, rttUs, offsetUs)) this.#begin();
    while (this.#samples.length > 0 && this.#samples.at(-1)!.rttUs >= rttUs) this.#samples.pop();
    this.#samples.push({ atUs: t4Us, rttUs, offsetUs });
    this.#expire(t4Us);
    return 'taken';
  }

  get synced(): boolean {
    return this.#samples.length > 0;
  }

  /** Peer's clock minus own clock, us; undefined before the first reply. */
  get offsetUs(): number | undefined {
    return this.#samples[0]?.offsetUs;
  }

  /** Round trip of the sample that counts, us. */
  get rttUs(): number | undefined {
    return this.#samples[0]?.rttUs;
  }

  /** The true offset is within this of `offsetUs`, whatever the path's asymmetry; Infinity before the first reply. */
  uncertaintyUs(nowUs: number): number {
    this.#expire(nowUs);
    const best = this.#samples[0];
    if (best === undefined) return Number.POSITIVE_INFINITY;
    const ageSeconds = Math.max(0, nowUs - best.atUs) / 1_000_000;
    return Math.ceil(best.rttUs / 2 + ageSeconds * AGE_US_PER_SECOND);
  }

  /** A time of the peer (us modulo 2^48) in the own clock; undefined before the first reply. */
  toOwnUs(peerUs: number, nowUs: number): number | undefined {
    this.#expire(nowUs);
    const best = this.#samples[0];
    return best === undefined ? undefined : nowUs + signed48(peerUs - (nowUs + best.offsetUs));
  }

  /** Whether no offset is true of both this sample and the one that counts. Monotonic clocks stand still while devices sleep. */
  #contradicts(atUs: number, rttUs: number, offsetUs: number): boolean {
    const best = this.#samples[0];
    if (best === undefined) return false;
    const driftUs = ((atUs - best.atUs) * DRIFT_PPM) / 1_000_000;
    const apartUs = Math.abs(signed48(wrap48(offsetUs - best.offsetUs)));
    return apartUs > (rttUs + best.rttUs) / 2 + driftUs + JUMP_US;
  }

  /** Nothing that was learnt is true any more: probes come as at first. */
  #begin(): void {
    this.#samples = [];
    this.#sent = 0;
    this.#nextAtUs = Number.NEGATIVE_INFINITY;
  }

  /** Keeps the last sample however old: its uncertainty says what it is worth. */
  #expire(nowUs: number): void {
    while (this.#samples.length > 1 && nowUs - this.#samples[0]!.atUs > WINDOW_US) this.#samples.shift();
  }
}
