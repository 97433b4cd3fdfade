import type { TimedUnit } from './bundle.ts';
import { signed48, UNIT_KIND, type UnitKind } from './limits.ts';

/** The protocol asks for one a second; a joiner hears nothing before the first, and one costs three bytes. */
const FULL_VOICE_EVERY_US = 200_000;
/** Relays on the way learn of a new generation while its first units are on theirs: who missed those hears the next one. */
const FULL_VOICE_AT_FIRST_US = 500_000;

/** One publishing's sending end: counts sequences and says which units carry them whole. */
export class UnitSender {
  readonly #next = [0, 0, 0];
  #firstVoiceUs: number | undefined;
  #lastFullVoiceUs: number | undefined;

  /**
   * The next unit of a kind. `key` matters for motion only: every voice packet and event stands alone. Begin anew (another
   * UnitSender) for each `publishing` answer: the relay gives it another generation.
   */
  unit(kind: UnitKind, payload: Uint8Array, captureUs: number, key = true): TimedUnit {
    const sequence = this.#next[kind]!;
    this.#next[kind] = (sequence + 1) >>> 0;
    const alone = kind !== UNIT_KIND.motion || key;
    const full = kind === UNIT_KIND.voice ? this.#fullVoice(captureUs) : alone;
    return { slot: 0, generation: 0, kind, key: alone, full, sequence, captureUs, payload };
  }

  #fullVoice(captureUs: number): boolean {
    this.#firstVoiceUs ??= captureUs;
    const last = this.#lastFullVoiceUs;
    const due = last === undefined || signed48(captureUs - last) >= FULL_VOICE_EVERY_US;
    const full = due || signed48(captureUs - this.#firstVoiceUs) < FULL_VOICE_AT_FIRST_US;
    if (full) this.#lastFullVoiceUs = captureUs;
    return full;
  }
}
