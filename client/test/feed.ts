import { type TimedUnit, UNIT_KIND, UnitSender } from '@hayate/codec/bundle';
import { createFaceEncoder, faceConfig } from '@hayate/codec/motion';
import type { FakeRelay, FakeSession } from './fake-relay.ts';

export const MOTION = faceConfig({ fps: 60 });
const TICK_MS = 20;

/** One liver's face and voice at some scripted relays, each 20 ms, to whoever watches there. */
export class Feed {
  readonly #relays: readonly FakeRelay[];
  readonly #place: { slot: number; generation: number };
  readonly #sender = new UnitSender();
  readonly #encoder = createFaceEncoder(MOTION);
  readonly #begun = new Set<FakeSession>();
  #sinceKey: TimedUnit[] = [];
  #frames = 0;

  constructor(relays: readonly FakeRelay[], place: { slot: number; generation: number }) {
    this.#relays = relays;
    this.#place = place;
  }

  /** Lets `ms` pass. */
  async run(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += TICK_MS) {
      this.#tick();
      await this.#relays[0]!.advance(TICK_MS);
    }
  }

  #tick(): void {
    const atUs = this.#relays[0]!.clock.nowUs();
    this.#frames += 1;
    const values = new Float32Array(61).fill((this.#frames % 50) / 50);
    const { key, data } = this.#encoder.encode({ face: true, values });
    const motion = { ...this.#sender.unit(UNIT_KIND.motion, data, atUs, key), ...this.#place };
    const voice = { ...this.#sender.unit(UNIT_KIND.voice, Uint8Array.of(248, 1, 2), atUs), ...this.#place };
    if (key) this.#sinceKey = [];
    this.#sinceKey.push(motion);
    for (const relay of this.#relays) {
      for (const session of relay.sessions) {
        if (!session.received.some(({ t }) => t === 'watch')) continue;
        const units = this.#begun.has(session) ? [motion, voice] : [...this.#sinceKey, voice];
        this.#begun.add(session);
        session.sendUnits(units.map((unit) => ({ ...unit, captureUs: unit.captureUs + relay.offsetUs })));
      }
    }
  }
}
