import { encodeTrunk } from '../../bundle/index.ts';
import { filler, fromHex, toHex, type VectorFile } from './hex.ts';

const GOOD: [string, Uint8Array[]][] = [
  ['one bundle', [filler(20)]],
  ['two bundles', [filler(63), filler(64, 0x40)]],
  ['two that are equal', [filler(9), filler(9)]],
  ['as many as fit', [filler(1000), filler(193, 0x40)]],
  ['a hundred and forty of seven bytes', Array.from({ length: 140 }, (_, n) => filler(7, n))],
];

/** By hand. */
const READ: [string, string, string[]][] = [
  ['two bundles by hand', '06 02 0102 03 010203', ['0102', '010203']],
  ['a length longer than needed', '06 4002 0102 c000000000000001 ff', ['0102', 'ff']],
];

const BAD: [string, string, string][] = [
  ['nothing', '', 'truncated'],
  ['a bundle', '01 02 0102', 'not_a_bundle'],
  ['over 1200 bytes', `06 ${'02 0102'.repeat(399)} 02 010203`, 'limit'],
  ['no bundle', '06', 'no_unit'],
  ['length cut', '06 02 0102 40', 'truncated'],
  ['a bundle of no bytes', '06 02 0102 00', 'limit'],
  ['a bundle over 1000 bytes', `06 43e9 ${'01'.repeat(1001)}`, 'limit'],
  ['a length that cannot be', '06 ffffffffffffffff 01', 'limit'],
  ['bundle cut', '06 02 0102 03 0102', 'truncated'],
];

export function trunkVectors(): VectorFile {
  return {
    description: 'Datagrams of type 0x06: bundles of several rooms between relays, and those that are malformed.',
    cases: [
      ...GOOD.map(([name, bundles]) => ({
        name,
        hex: toHex(encodeTrunk(bundles)),
        bundles: bundles.map((each) => toHex(each)),
        shortest: true,
      })),
      ...READ.map(([name, hex, bundles]) => ({ name, hex: toHex(fromHex(hex)), bundles })),
      ...BAD.map(([name, hex, error]) => ({ name, hex: toHex(fromHex(hex)), error })),
    ],
  };
}
