import {
  encodeBundle,
  type PeerClock,
  packBundles,
  SlotForwarder,
  type TimedUnit,
  wrap48,
} from '../../bundle/index.ts';
import { filler, fromHex, toHex, type VectorFile } from './hex.ts';

const NOW = 1_000_000_000;
const FRAME = 33_333;

interface UplinkStep {
  nowUs: number;
  clock: PeerClock | null;
  uplink: Uint8Array;
}

type Step = UplinkStep | 'join';

interface Slot {
  alias: number;
  slot: number;
  generation: number;
  unitsPerSecond?: number;
}

const SLOT: Slot = { alias: 300, slot: 2, generation: 5 };
const CLOCK: PeerClock = { offsetUs: 250_000, uncertaintyUs: 1500 };

/** A motion unit captured `agoUs` before the relay's `NOW`, in the publisher's clock. */
function motion(sequence: number, agoUs: number, fields: Partial<TimedUnit> = {}): TimedUnit {
  const key = fields.key ?? false;
  const at = NOW + CLOCK.offsetUs - agoUs;
  const payload = fields.payload ?? filler(3, sequence & 0x7f);
  return { slot: 0, generation: 0, kind: 0, key, full: key, sequence, captureUs: at, ...fields, payload };
}

function uplink(units: TimedUnit[], fields: Partial<UplinkStep> = {}): UplinkStep {
  const [bundle, ...rest] = packBundles(units);
  if (bundle === undefined || rest.length > 0) throw new Error('a step is one bundle');
  return { nowUs: NOW, clock: CLOCK, uplink: bundle, ...fields };
}

function raw(hex: string): UplinkStep {
  return { nowUs: NOW, clock: CLOCK, uplink: fromHex(hex) };
}

const KEY = motion(8, 2000, { key: true });
const voice = (sequence: number, agoUs: number, full = false): TimedUnit =>
  motion(sequence, agoUs, { kind: 1, key: true, full, payload: filler(20, 0x50) });

/** A key and `count` more units of `bytes`, a bundle each. */
function chain(count: number, bytes: number): UplinkStep[] {
  return Array.from({ length: count + 1 }, (_, index) =>
    uplink(
      [motion(index, 0, { key: index === 0, payload: filler(bytes, index) })].map((unit) => ({
        ...unit,
        captureUs: unit.captureUs + index * FRAME,
      })),
      { nowUs: NOW + index * FRAME + 4000 },
    ),
  );
}

const CASES: [string, Slot, Step[]][] = [
  ['header and slot bits rewritten, clock converted', SLOT, [uplink([voice(0, 21_000, true), KEY])]],
  ['slot 0, one byte of alias', { alias: 1, slot: 0, generation: 0 }, [uplink([KEY])]],
  ['slot 7, greatest alias', { alias: 0x3fff_ffff, slot: 7, generation: 255 }, [uplink([KEY])]],
  [
    'uncertainty rounded up and held at its limit',
    SLOT,
    [
      uplink([motion(1, 0, { key: true })], { clock: { offsetUs: 250_000, uncertaintyUs: 0 } }),
      uplink([motion(2, 0)], { clock: { offsetUs: 250_000, uncertaintyUs: 1 } }),
      uplink([motion(3, 0)], { clock: { offsetUs: 250_000, uncertaintyUs: 125 } }),
      uplink([motion(4, 0)], { clock: { offsetUs: 250_000, uncertaintyUs: 126 } }),
      uplink([motion(5, 0)], { clock: { offsetUs: 250_000, uncertaintyUs: 2_000_000 } }),
    ],
  ],
  [
    "publisher's clock wraps",
    SLOT,
    [
      uplink([{ ...KEY, captureUs: wrap48(-500) }], {
        clock: { offsetUs: 2 ** 47 - 5, uncertaintyUs: 10 },
        nowUs: 2 ** 47 + 5,
      }),
      uplink([{ ...motion(9, 0), captureUs: 700 }], {
        clock: { offsetUs: 2 ** 47 - 5, uncertaintyUs: 10 },
        nowUs: 2 ** 47 + 800,
      }),
    ],
  ],
  [
    "relay's clock below the publisher's, negative offset",
    SLOT,
    [uplink([{ ...KEY, captureUs: 1000 }], { clock: { offsetUs: -NOW, uncertaintyUs: 10 }, nowUs: NOW + 3000 })],
  ],
  [
    'capture times at the ends of the window',
    SLOT,
    [
      uplink([motion(1, -21_500, { key: true })]),
      uplink([motion(2, -21_501)]),
      uplink([motion(3, 501_500)]),
      uplink([motion(4, 501_501)]),
      uplink([motion(5, 501_500), motion(6, 0)]),
      uplink([motion(7, 502_000), motion(8, 0)]),
    ],
  ],
  ['not synced yet', SLOT, [uplink([KEY], { clock: null }), uplink([KEY])]],
  ['duplicate bundle', SLOT, [uplink([KEY]), uplink([KEY])]],
  [
    'repeat with a new unit: the repeat is taken out, the base stays',
    SLOT,
    [
      uplink([KEY, motion(9, 0)]),
      uplink([motion(9, 0), motion(10, -5000)]),
      uplink([motion(11, -6000), motion(10, -9000)]),
    ],
  ],
  [
    'late repeat of a lost unit',
    SLOT,
    [uplink([KEY]), uplink([motion(10, -2000)]), uplink([motion(9, -1000)]), uplink([motion(9, -1000)])],
  ],
  [
    'later than the window',
    SLOT,
    [
      uplink([KEY]),
      uplink([motion(72, -1000, { key: true })]),
      uplink([motion(8, 2000, { full: true })]),
      uplink([motion(9, 1000, { full: true })]),
    ],
  ],
  [
    'short before the first full: unsynced',
    SLOT,
    [uplink([motion(7, 3000)]), uplink([motion(7, 3000), KEY, motion(9, 0)])],
  ],
  [
    'uplink with another slot',
    SLOT,
    [raw('01 00 02 00 00003bb1ca80 00 24 07 00 00'), raw('01 00 03 00 00 00003bb1ca80 00 04 07 00 00 24 07 00 00')],
  ],
  [
    "uplink's own alias, generation and uncertainty are overwritten",
    SLOT,
    [
      {
        nowUs: NOW,
        clock: CLOCK,
        uplink: encodeBundle({
          alias: 77,
          slots: [{ slot: 0, generation: 9 }],
          baseUs: NOW + CLOCK.offsetUs,
          uncertainty16: 99,
          units: [{ slot: 0, kind: 0, key: true, full: true, sequence: 1, age16: 0, payload: filler(3) }],
        }),
      },
    ],
  ],
  ['malformed: refused, later ones go on', SLOT, [raw('01 00 01'), raw('02 00000001 000000000000'), uplink([KEY])]],
  [
    '990 bytes pass, 991 do not',
    SLOT,
    [
      uplink([motion(1, 0, { key: true, payload: filler(900) }), motion(2, 0, { payload: filler(66) })]),
      uplink([motion(3, 0, { full: true, payload: filler(900) }), motion(4, 0, { payload: filler(67) })]),
    ],
  ],
  ['joiner: nothing before a key', SLOT, ['join', uplink([voice(0, 0, true)]), 'join']],
  [
    'joiner: the units since the last key, no voice',
    SLOT,
    [
      uplink([KEY]),
      uplink([voice(0, 0, true), motion(9, -1000)]),
      'join',
      uplink([motion(16, -3000, { key: true })]),
      'join',
      uplink([motion(17, -4000)]),
      'join',
    ],
  ],
  [
    'joiner: a reordered unit takes its place, a late key changes nothing',
    SLOT,
    [
      uplink([KEY]),
      uplink([motion(10, -2000)]),
      uplink([motion(9, -1000)]),
      'join',
      uplink([motion(16, -9000, { key: true })]),
      uplink([motion(18, -11_000)]),
      uplink([motion(12, -5000, { key: true })]),
      uplink([motion(13, -6000)]),
      'join',
      uplink([motion(17, -10_000, { key: true })]),
      'join',
    ],
  ],
  ['joiner: several bundles of at most 1000 bytes', SLOT, [...chain(5, 300), 'join']],
  [
    'joiner: 64 units are held, one more empties the cache until a key',
    SLOT,
    [
      ...chain(63, 1),
      'join',
      uplink([{ ...motion(64, 0), captureUs: NOW + CLOCK.offsetUs + 64 * FRAME }], { nowUs: NOW + 64 * FRAME }),
      'join',
      uplink([{ ...motion(65, 0), captureUs: NOW + CLOCK.offsetUs + 65 * FRAME }], { nowUs: NOW + 65 * FRAME }),
      'join',
      uplink([{ ...motion(66, 0, { key: true }), captureUs: NOW + CLOCK.offsetUs + 66 * FRAME }], {
        nowUs: NOW + 66 * FRAME,
      }),
      'join',
    ],
  ],
  [
    'joiner: 8192 bytes of payload are held, more empty the cache',
    SLOT,
    [
      ...chain(9, 819),
      uplink([{ ...motion(10, 0, { payload: filler(2) }), captureUs: NOW + CLOCK.offsetUs + 10 * FRAME }], {
        nowUs: NOW + 10 * FRAME,
      }),
      'join',
      uplink([{ ...motion(11, 0, { payload: filler(1) }), captureUs: NOW + CLOCK.offsetUs + 11 * FRAME }], {
        nowUs: NOW + 11 * FRAME,
      }),
      'join',
    ],
  ],
  [
    'joiner: units 256 apart share a low byte, so they never share a bundle',
    SLOT,
    [uplink([KEY]), uplink([motion(264, -1000, { full: true })]), uplink([motion(265, -2000)]), 'join'],
  ],
  [
    'joiner: a sender that counts anew leaves nothing of its old count',
    SLOT,
    [
      uplink([motion(500, 0, { key: true })]),
      uplink([motion(501, -1000)]),
      'join',
      uplink([motion(0, -1_100_000, { key: true })], { nowUs: NOW + 1_100_000 }),
      uplink([motion(1, -1_101_000)], { nowUs: NOW + 1_101_000 }),
      'join',
    ],
  ],
  [
    'more units than the rate: half a second of them at once, then one each share; repeats take none',
    { ...SLOT, unitsPerSecond: 6 },
    [
      uplink([voice(0, 9000, true), KEY, motion(9, 1000)]),
      uplink([motion(9, 1000), motion(10, 0), motion(11, -1000)]),
      uplink([motion(12, -166_665)], { nowUs: NOW + 166_665 }),
      uplink([motion(13, -166_666), motion(14, -167_666)], { nowUs: NOW + 166_666 }),
      'join',
    ],
  ],
];

export function forwardVectors(): VectorFile {
  return {
    description:
      "A relay's rules for one publisher, docs/protocol.md section 3: uplink bundles in, downlink bundles out; join: what a new viewer is sent.",
    cases: CASES.map(([name, slot, steps]) => {
      const forwarder = new SlotForwarder(slot);
      const done = steps.map((step) => {
        if (step === 'join') return { op: 'join', downlinks: forwarder.joinBundles().map(toHex) };
        const result = forwarder.forward(step.nowUs, step.clock ?? undefined, step.uplink);
        return {
          op: 'uplink',
          nowUs: step.nowUs,
          offsetUs: step.clock?.offsetUs ?? null,
          uncertaintyUs: step.clock?.uncertaintyUs ?? null,
          uplink: toHex(step.uplink),
          downlink: result.downlink === undefined ? null : toHex(result.downlink),
          refused: result.refused ?? null,
          unsynced: result.unsynced,
          duplicate: result.duplicate,
          late: result.late,
          overRate: result.overRate,
        };
      });
      const { maxAgeUs, maxAheadUs, unitsPerSecond } = forwarder.options;
      return { name, ...slot, maxAgeUs, maxAheadUs, unitsPerSecond, steps: done, counts: forwarder.counts };
    }),
  };
}
