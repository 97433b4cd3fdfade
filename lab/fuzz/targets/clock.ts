import { ok } from 'node:assert/strict';
import { encodeProbe, encodeProbeReply, parseProbeReply } from '@hayate/codec/bundle';
import { ClockSync } from '@hayate/codec/clock';
import type { Target } from '../guided/target.ts';

/** A peer that answers what it likes, when it likes: each reply is 4 bytes of the input, or 23 of its own. */
function replies(input: Uint8Array): void {
  let id = 0;
  const sync = new ClockSync({ randomId: () => id++ });
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  let nowUs = 1_000_000;
  for (let at = 0; at + 4 <= input.length; at += 4) {
    const op = input[at]!;
    const probe = sync.nextProbe(nowUs);
    const scale = 10 ** (op & 7);
    const [awayUs, heldUs, pathUs] = [input[at + 1]! * scale, input[at + 2]! * 100, input[at + 3]! * 500];
    const t1Us = probe?.t1Us ?? nowUs;
    const t2Us = t1Us + awayUs + pathUs / 2;
    const reply =
      op & 8 && at + 27 <= input.length
        ? Uint8Array.of(3, ...encodeProbe({ id: id - 1, t1Us }).subarray(1), ...input.subarray(at + 4, at + 16))
        : encodeProbeReply({ id: id - 1, t1Us, t2Us, t3Us: t2Us + (op & 16 ? -heldUs : heldUs) });
    nowUs += pathUs + heldUs + (op & 32 ? 4_000_000 : 0);
    sync.onReply(parseProbeReply(reply), nowUs);
    if (op & 64) nowUs += view.getUint16(at + 1) * 1000;
    const { synced, offsetUs, rttUs } = sync;
    if (!synced) continue;
    ok(Number.isFinite(offsetUs) && rttUs! >= 0 && sync.uncertaintyUs(nowUs) >= 0, `${offsetUs} ${rttUs}`);
    ok(Number.isFinite(sync.toOwnUs(input[at + 1]! * 1e6, nowUs)));
  }
}

export const clock: Target = {
  name: 'clock',
  of: 'replies to clock probes, whatever they claim',
  files: ['clock/sync.ts'],
  seeds: () => [
    Uint8Array.of(0, 1, 1, 40, 0, 1, 1, 41, 64, 1, 1, 42),
    Uint8Array.of(8, 0, 0, 9, ...new Array<number>(24).fill(7)),
    Uint8Array.of(16, 3, 200, 1, 32, 1, 1, 1, 7, 255, 0, 0),
  ],
  maxBytes: 240,
  open: () => replies,
};
