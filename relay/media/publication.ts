import { randomInt } from 'node:crypto';
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { encodeProbe, parseProbeReply, SlotForwarder, signed48 } from '@hayate/codec/bundle';
import { ClockSync } from '@hayate/codec/clock';
import { HayateError } from '@hayate/codec/errors';
import type { MediaRoomOptions, SlotStats } from './plane.ts';
import { refusedByCode } from './refused.ts';

/** Ids of probes; not guessable, so that nobody but the publisher can answer them. */
export const guardedId = () => randomInt(0x1_0000_0000);

export interface ScriptPublicationOptions extends Omit<MediaRoomOptions, 'maxMembers'> {
  slot: number;
  generation: number;
  randomId: () => number;
  /** Each unit or bundle that is not taken, by reason. */
  onRefused?(reason: string): void;
}

/** One publisher's slot where JavaScript forwards: its clock, its units, what the reports say. No I/O. Times are us. */
export class ScriptPublication {
  readonly slot: number;
  readonly #options: ScriptPublicationOptions;
  readonly #forwarder: SlotForwarder;
  readonly #sync: ClockSync;
  readonly #synced = Promise.withResolvers<void>();
  readonly #lagUs: RecordableHistogram = createHistogram();
  /** `refused_<reason>` since the last report. */
  #refused: Record<string, number> = {};

  constructor(options: ScriptPublicationOptions) {
    const { alias, slot, generation, maxAgeMs, maxAheadMs, unitsPerSecond, randomId } = options;
    this.slot = slot;
    this.#options = options;
    this.#forwarder = new SlotForwarder({
      ...{ alias, slot, generation, unitsPerSecond },
      maxAgeUs: maxAgeMs * 1000,
      maxAheadUs: maxAheadMs * 1000,
    });
    this.#sync = new ClockSync({ randomId });
    this.#synced.promise.catch(() => {});
  }

  /** Resolves with the first sync; rejects `closed` when it ends before. */
  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  /** The probe that is due. */
  probe(nowUs: number): Uint8Array | undefined {
    // Whole microseconds: the reply echoes what was written, not the clock's fraction.
    const probe = this.#sync.nextProbe(Math.floor(nowUs));
    return probe && encodeProbe(probe);
  }

  /** Why the reply was not taken; undefined: it was. Throws a BundleError. */
  reply(data: Uint8Array, receivedAtUs: number): string | undefined {
    const verdict = this.#sync.onReply(parseProbeReply(data), Math.floor(receivedAtUs));
    if (verdict !== 'taken') return verdict;
    this.#synced.resolve();
    return undefined;
  }

  /** What goes to the members for an uplink datagram. Throws a BundleError. */
  forward(data: Uint8Array, receivedAtUs: number): Uint8Array | undefined {
    const { offsetUs } = this.#sync;
    const clock =
      offsetUs === undefined
        ? undefined
        : { offsetUs: Math.round(offsetUs), uncertaintyUs: Math.ceil(this.#sync.uncertaintyUs(receivedAtUs)) };
    // The codec's arithmetic is in whole microseconds.
    const result = this.#forwarder.forward(Math.round(receivedAtUs), clock, data);
    if (result.refused) {
      this.refuse(result.refused);
      return undefined;
    }
    for (let n = result.unsynced; n > 0; n--) this.refuse('unsynced');
    for (let n = result.late; n > 0; n--) this.refuse('late');
    for (let n = result.overRate; n > 0; n--) this.refuse('over_rate');
    if (!result.downlink) return undefined;
    this.#lagUs.record(Math.max(1, Math.round(receivedAtUs - baseUs(result.downlink, receivedAtUs))));
    return result.downlink;
  }

  refuse(reason: string): void {
    const name = `refused_${reason}`;
    this.#refused[name] = (this.#refused[name] ?? 0) + 1;
    this.#options.onRefused?.(reason);
  }

  /** For a joiner: the motion units since the last key. */
  joinBundles(): Uint8Array[] {
    return this.#forwarder.joinBundles();
  }

  /** Lags and refusals are those since the last call. */
  stats(nowUs: number): SlotStats {
    const lagUs = this.#lagUs;
    const empty = lagUs.count === 0;
    const stats: SlotStats = {
      ...this.#forwarder.counts,
      lagP50Ms: empty ? 0 : lagUs.percentile(50) / 1000,
      lagP99Ms: empty ? 0 : lagUs.percentile(99) / 1000,
      uncertaintyMs: this.#sync.synced ? this.#sync.uncertaintyUs(nowUs) / 1000 : 0,
      refused: refusedByCode(this.#refused),
    };
    lagUs.reset();
    this.#refused = {};
    return stats;
  }

  end(): void {
    this.#synced.reject(new HayateError('closed', 'unpublished before the clock was synced'));
  }
}

/** Base time of a bundle in the relay's clock, unwrapped beside `nowUs`. */
function baseUs(bundle: Uint8Array, nowUs: number): number {
  const view = new DataView(bundle.buffer, bundle.byteOffset, bundle.length);
  const aliasBytes = 1 << (bundle[1]! >>> 6);
  const at = 1 + aliasBytes + 2;
  const base = view.getUint16(at) * 2 ** 32 + view.getUint32(at + 2);
  return nowUs + signed48(base - nowUs);
}
