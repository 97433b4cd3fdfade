import { SequenceExtender } from '../../bundle/index.ts';
import type { VectorFile } from './hex.ts';

/** sequence, full, captureUs */
type Offer = [number, boolean, number];

const MS = 1000;
const TOP = 2 ** 48;
const run = (count: number, from: number, atUs: number, stepUs: number): Offer[] =>
  Array.from({ length: count }, (_, index) => [(from + index) & 0xff, false, atUs + index * stepUs]);

const CASES: [string, Offer[]][] = [
  [
    'short before any full: unsynced',
    [
      [0, false, 0],
      [1, false, 33 * MS],
      [2, true, 66 * MS],
      [3, false, 99 * MS],
    ],
  ],
  [
    'low byte wraps',
    [
      [254, true, 0],
      [255, false, 1],
      [0, false, 2],
      [1, false, 3],
    ],
  ],
  [
    '32 bits wrap',
    [
      [0xffff_fffe, true, 0],
      [255, false, 1],
      [0, false, 2],
      [1, true, 3],
      [2, false, 4],
    ],
  ],
  [
    'nearest: 127 ahead and 63 behind',
    [
      [0x1000, true, 0],
      [0x7f, false, 9],
      [0x40, false, 5],
      [0xff, false, 10],
    ],
  ],
  [
    '128 ahead is read as 128 behind: late',
    [
      [0x1000, true, 0],
      [0x80, false, 9],
    ],
  ],
  [
    'reordered inside the window',
    [
      [100, true, 0],
      [103, false, 3],
      [101, false, 1],
      [102, false, 2],
      [102, false, 2],
    ],
  ],
  [
    'duplicate short, duplicate full',
    [
      [100, true, 0],
      [100, false, 0],
      [100, true, 0],
      [101, false, 1],
      [101, true, 1],
    ],
  ],
  [
    '63 behind is in the window, 64 is late',
    [
      [1000, true, 0],
      [1064, true, 9],
      [1001, true, 1],
      [1000, true, 0],
    ],
  ],
  [
    'before the first, inside the window: taken once',
    [
      [1000, true, 9],
      [0xe7, false, 8],
      [0xe7, false, 8],
    ],
  ],
  [
    'gap of exactly 1 s: extended',
    [
      [5, true, 7],
      [6, false, 1_000_007],
    ],
  ],
  [
    'gap over 1 s: unsynced until a full one',
    [
      [5, true, 7],
      [6, false, 1_000_008],
      [7, false, 1_033_000],
      [8, true, 1_066_000],
      [9, false, 1_099_000],
    ],
  ],
  [
    'captured over 1 s before the newest: unsynced',
    [
      [5, true, 5_000_000],
      [4, false, 3_999_999],
      [3, false, 4_000_000],
    ],
  ],
  [
    'clock wraps at 2^48',
    [
      [5, true, TOP - 10],
      [6, false, 20],
      [7, false, 999_991],
      [8, false, 2_000_000],
    ],
  ],
  [
    'a gap counts as lost only when it leaves the window',
    [
      [0, true, 0],
      [2, false, 2],
      [64, true, 64],
      [65, true, 65],
      [66, true, 66],
    ],
  ],
  [
    'a jump over the whole window',
    [
      [0, true, 0],
      [1, false, 1],
      [1000, true, 1000],
      [1064, true, 1064],
    ],
  ],
  ['nothing is lost in order', [[0, true, 0], ...run(200, 1, 33, 33)]],
  [
    'full one behind after 1 s: begins anew',
    [
      [9000, true, 0],
      [0, true, 1_000_001],
      [1, false, 1_000_034],
    ],
  ],
  [
    'full one behind within 1 s: late',
    [
      [9000, true, 0],
      [0, true, 900_000],
      [41, false, 900_001],
    ],
  ],
];

export function sequenceVectors(): VectorFile {
  return {
    description:
      'One (slot, generation, kind) of a receiver: units offered in this order, what becomes of each, and the count of lost after it.',
    cases: CASES.map(([name, offers]) => {
      const extender = new SequenceExtender();
      const steps = offers.map(([sequence, full, captureUs]) => {
        const verdict = extender.offer(sequence, full, captureUs);
        const extended = verdict === 'unsynced' ? null : extender.extended;
        return { sequence, full, captureUs, verdict, extended, lost: extender.lost };
      });
      return { name, steps };
    }),
  };
}
