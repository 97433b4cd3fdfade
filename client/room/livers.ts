import type { Left, Liver as WireLiver } from '@hayate/codec/messages';
import type { Liver } from '../src/types.ts';

/** Who publishes, by slot. */
export class LiverList {
  readonly bySlot = new Map<number, Liver>();

  came(wire: WireLiver): Liver {
    const liver: Liver = {
      slot: wire.slot,
      generation: wire.gen,
      subject: wire.sub,
      ...(wire.name !== undefined && { name: wire.name }),
      ...(wire.motion && { motion: wire.motion }),
      ...(wire.voice && { voice: { channels: wire.voice.channels, frameMs: wire.voice.frameMs } }),
      ...(wire.info !== undefined && { info: wire.info }),
    };
    this.bySlot.set(liver.slot, liver);
    return liver;
  }

  left({ slot, gen }: Left): void {
    // A word about an older generation must not remove the one that took its place.
    if (this.bySlot.get(slot)?.generation === gen) this.bySlot.delete(slot);
  }
}
