import { encodeMissing, MAX_ALIAS, type MissingEntry } from '../../bundle/index.ts';
import { fromHex, toHex, type VectorFile } from './hex.ts';

const entry: MissingEntry = { slot: 3, kind: 1, generation: 9, first: 0x0102_0304, more: 0b101 };
const greatest: MissingEntry = { slot: 7, kind: 2, generation: 255, first: 0xffff_ffff, more: 0xff };

const GOOD: [string, number, MissingEntry[]][] = [
  ['three voice units', 77, [entry]],
  ['one motion unit', 0, [{ slot: 0, kind: 0, generation: 0, first: 0, more: 0 }]],
  ['motion and voice of two slots', 16_384, [entry, { ...entry, kind: 0, slot: 0, more: 0 }]],
  ['sixteen entries, greatest values', MAX_ALIAS, new Array<MissingEntry>(16).fill(greatest)],
];

const ONE = '68 09 01020304 05';
const BAD: [string, string, string][] = [
  ['nothing', '', 'truncated'],
  ['a probe', `02 4d ${ONE}`, 'not_a_bundle'],
  ['no alias', '05', 'truncated'],
  ['alias cut', '05 80 00', 'truncated'],
  ['alias too great', `05 c000000040000000 ${ONE}`, 'limit'],
  ['seventeen entries', `05 4d ${ONE.repeat(17)}`, 'limit'],
  ['no entry', '05 0d', 'no_unit'],
  ['reserved bit', '05 0d 69 09 01020304 05', 'reserved_bit'],
  ['reserved kind', '05 0d 78 09 01020304 05', 'reserved_kind'],
  ['entry cut', '05 0d 68 09 010203', 'truncated'],
  ['second entry cut', `05 0d ${ONE} 68`, 'truncated'],
];

export function missingVectors(): VectorFile {
  return {
    description: 'Datagrams of type 0x05: what a viewer lacks, and those that are malformed.',
    cases: [
      ...GOOD.map(([name, alias, entries]) => ({
        name,
        hex: toHex(encodeMissing({ alias, entries })),
        alias,
        entries,
      })),
      ...BAD.map(([name, hex, error]) => ({ name, hex: toHex(fromHex(hex)), error })),
    ],
  };
}
