import { type Bundle, type BundleUnit, encodeBundle } from '../../bundle/index.ts';
import { filler, fromHex, toHex, type VectorFile } from './hex.ts';

function unit(fields: Partial<BundleUnit>): BundleUnit {
  return { slot: 0, kind: 0, key: false, full: false, sequence: 0, age16: 0, payload: filler(2), ...fields };
}

const BASE = 0x0102_0304_0506;

function bundle(fields: Partial<Bundle>): Bundle {
  const units = fields.units ?? [unit({})];
  const used = [...new Set(units.map((each) => each.slot))].sort();
  const slots = used.map((slot) => ({ slot, generation: slot + 1 }));
  return { alias: 0, slots, baseUs: BASE, uncertainty16: 0, units, ...fields };
}

const GOOD: [string, Bundle][] = [
  ['uplink, one motion key', bundle({ units: [unit({ key: true, full: true, sequence: 8, payload: filler(5) })] })],
  ['empty payload', bundle({ units: [unit({ payload: filler(0) })] })],
  [
    'uplink, motion and two voice packets',
    bundle({
      units: [
        unit({ kind: 1, key: true, sequence: 200, age16: 640, payload: filler(20) }),
        unit({ kind: 0, sequence: 3, age16: 63, payload: filler(9) }),
        unit({ kind: 1, key: true, full: true, sequence: 201, payload: filler(20, 0x40) }),
      ],
    }),
  ],
  ['an event', bundle({ units: [unit({ kind: 2, key: true, full: true, sequence: 1 })] })],
  [
    'sequence wrap: full at 2^32 - 1, then short 0',
    bundle({
      units: [unit({ key: true, full: true, sequence: 0xffff_ffff, age16: 533 }), unit({ sequence: 0 })],
    }),
  ],
  ['short sequence wrap: 255, then 0', bundle({ units: [unit({ sequence: 255, age16: 1 }), unit({ sequence: 0 })] })],
  ['base wrap: greatest base', bundle({ baseUs: 2 ** 48 - 1 })],
  [
    'base wrap: 0, older unit before the wrap',
    bundle({
      baseUs: 0,
      units: [unit({ sequence: 4, age16: 16 }), unit({ sequence: 5 })],
    }),
  ],
  ['slot reuse: generation 255', bundle({ alias: 9, slots: [{ slot: 0, generation: 255 }] })],
  ['slot reuse: generation 0 after 255', bundle({ alias: 9, slots: [{ slot: 0, generation: 0 }] })],
  [
    'all eight slots',
    bundle({
      alias: 63,
      uncertainty16: 80,
      units: Array.from({ length: 8 }, (_, slot) => unit({ slot, sequence: 7, age16: 100 - slot })),
    }),
  ],
  [
    'slots 1 and 6, one sequence in both',
    bundle({
      alias: 64,
      uncertainty16: 16_383,
      units: [unit({ slot: 6, sequence: 7, age16: 5 }), unit({ slot: 1, sequence: 7, age16: 5 })],
    }),
  ],
  ['one sequence in two kinds', bundle({ units: [unit({ kind: 0, sequence: 7 }), unit({ kind: 1, sequence: 7 })] })],
  [
    'greatest alias, age, uncertainty',
    bundle({
      alias: 0x3fff_ffff,
      uncertainty16: 16_383,
      units: [unit({ age16: 16_383 })],
    }),
  ],
  ['newest unit older than the base', bundle({ units: [unit({ age16: 12 })] })],
  ['greatest payload', bundle({ units: [unit({ payload: filler(900) })] })],
  [
    '1000 bytes',
    bundle({ units: [unit({ payload: filler(900), age16: 1 }), unit({ sequence: 1, payload: filler(79) })] }),
  ],
];

// alias 0, slot 0, generation 1, base, uncertainty 0
const HEADER = '01 00 01 01 010203040506 00';
const UNIT = '00 07 00 02 1112';

/** Written by hand, byte for byte from the protocol's text. */
const ODD: [string, string, Bundle][] = [
  [
    'varints longer than needed are read',
    '01 4000 01 01 010203040506 80000000 00 07 c000000000000000 4002 1112',
    bundle({ units: [unit({ sequence: 7, payload: fromHex('1112') })] }),
  ],
];

const BAD: [string, string, string][] = [
  ['no byte', '', 'not_a_bundle'],
  ['a probe', '02 00000001 000000000000', 'not_a_bundle'],
  ['type alone', '01', 'truncated'],
  ['alias cut', '01 40', 'truncated'],
  ['no slots', '01 00', 'truncated'],
  ['no generation', '01 00 01', 'truncated'],
  ['second generation missing', '01 00 03 01', 'truncated'],
  ['base cut', '01 00 01 01 0102030405', 'truncated'],
  ['no uncertainty', '01 00 01 01 010203040506', 'truncated'],
  ['uncertainty cut', '01 00 01 01 010203040506 40', 'truncated'],
  ['head alone', `${HEADER} 00`, 'truncated'],
  ['full sequence cut', `${HEADER} 02 000000`, 'truncated'],
  ['no age', `${HEADER} 00 07`, 'truncated'],
  ['age cut', `${HEADER} 00 07 40`, 'truncated'],
  ['no length', `${HEADER} 00 07 00`, 'truncated'],
  ['length cut', `${HEADER} 00 07 00 43`, 'truncated'],
  ['payload cut', `${HEADER} 00 07 00 02 11`, 'truncated'],
  ['second unit cut', `${HEADER} ${UNIT} 00`, 'truncated'],
  ['reserved bit of the head', `${HEADER} 01 07 00 02 1112`, 'reserved_bit'],
  ['reserved bit of the second head', `${HEADER} ${UNIT} 01 08 00 02 1112`, 'reserved_bit'],
  ['kind 3', `${HEADER} 18 07 00 02 1112`, 'reserved_kind'],
  ['unit of slot 1, slots says 0', `${HEADER} 20 07 00 02 1112`, 'slot_not_listed'],
  ['slots 0 with a unit', '01 00 00 010203040506 00 00 07 00 02 1112', 'slot_not_listed'],
  ['slots says 0 and 1, units of 0', `01 00 03 01 01 010203040506 00 ${UNIT}`, 'empty_slot'],
  ['no unit', HEADER, 'no_unit'],
  ['slots 0 and no unit', '01 00 00 010203040506 00', 'no_unit'],
  ['age grows', `${HEADER} 00 07 01 02 1112 00 08 02 02 1112`, 'age_order'],
  ['alias over 2^30 - 1', '01 c000000040000000 01 01 010203040506 00 00 07 00 02 1112', 'limit'],
  ['uncertainty over 16383', '01 00 01 01 010203040506 80004000 00 07 00 02 1112', 'limit'],
  ['age over 16383', `${HEADER} 00 07 80004000 02 1112`, 'limit'],
  ['payload of 901 bytes', `${HEADER} 00 07 00 4385 ${toHex(filler(901))}`, 'limit'],
  ['payload said to be 2^62 - 1 bytes', `${HEADER} 00 07 00 ffffffffffffffff 1112`, 'limit'],
  ['1001 bytes', `${HEADER} 00 07 00 4384 ${toHex(filler(900))} 00 08 00 4050 ${toHex(filler(80))}`, 'limit'],
  ['a unit twice', `${HEADER} ${UNIT} ${UNIT}`, 'duplicate_identity'],
  ['a unit twice, once with its full sequence', `${HEADER} 02 00000107 00 00 00 07 00 00`, 'duplicate_identity'],
  ['two full sequences with one low byte', `${HEADER} 02 00000007 00 00 02 00000107 00 00`, 'duplicate_identity'],
];

function meaning(value: Bundle): object {
  return {
    alias: value.alias,
    slots: value.slots,
    baseUs: value.baseUs,
    uncertainty16: value.uncertainty16,
    units: value.units.map((each) => ({
      ...each,
      sequence: each.full ? each.sequence : each.sequence & 0xff,
      payload: toHex(each.payload),
    })),
  };
}

export function bundleVectors(): VectorFile {
  return {
    description: 'Bundles, docs/protocol.md section 3: what the bytes mean, or why they are malformed.',
    cases: [
      ...GOOD.map(([name, value]) => ({
        name,
        hex: toHex(encodeBundle(value)),
        shortest: true,
        bundle: meaning(value),
      })),
      ...ODD.map(([name, hex, value]) => ({ name, hex: toHex(fromHex(hex)), shortest: false, bundle: meaning(value) })),
      ...BAD.map(([name, hex, error]) => ({ name, hex: toHex(fromHex(hex)), error })),
    ],
  };
}
