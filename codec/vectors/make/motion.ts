import { random } from '../../bench/random.ts';
import {
  ARKIT_CHANNELS,
  type ArkitChannel,
  createFaceDecoder,
  createFaceEncoder,
  faceConfig,
  MAX_UNIT_BYTES,
  type Profile,
} from '../../motion/index.ts';
import {
  type BadVector,
  type CallsVector,
  type ChainVector,
  callDecoder,
  configOf,
  type PoseValue,
  poseFrame,
  resultOf,
  type VectorCall,
  type VectorFrame,
  type VectorPose,
  type VectorStream,
  type VectorUnit,
} from '../../testing/motion-vectors.ts';
import { talk } from '../../testing/talk.ts';
import { fromHex, toHex, type VectorFile } from './hex.ts';

type Named = Partial<Record<ArkitChannel, PoseValue>>;

const FROM_EXTRAS = ARKIT_CHANNELS.length;
const STD = stream({});
const NAMES = ['tailWag', 'earLift'];

function stream(options: { profile?: Profile; unmerged?: boolean; fps?: number; extras?: string[] }): VectorStream {
  const { profile = 'std', unmerged = false, fps = 30, extras = [] } = options;
  return { profile, unmerged, fps, extras, config: toHex(faceConfig({ fps, profile, unmerged, extras }).config!) };
}

/** `extras`: the values of extra parameters, by place. */
function pose(named: Named, extras: readonly number[] = []): VectorPose {
  const entries = Object.entries(named).map(([name, value]) => [ARKIT_CHANNELS.indexOf(name as ArkitChannel), value]);
  return Object.fromEntries([...entries, ...extras.map((value, i) => [FROM_EXTRAS + i, value])]);
}

function talks(count: number, fps: number, more: (n: number) => Named = () => ({})): VectorPose[] {
  return Array.from({ length: count }, (_, n) => pose({ ...talk(n / fps), ...more(n) }));
}

const every = (value: number, extras = 0): VectorPose =>
  Object.fromEntries(Array.from({ length: FROM_EXTRAS + extras }, (_, channel) => [channel, value]));

interface Chain {
  stream?: VectorStream;
  keyInterval?: number;
  forced?: number[];
}

const LIDS = [0, 0.21, 0.68, 0.97, 0.83, 0.42, 0.13, 0.02, 0];
const BLINK = LIDS.map((lid) => pose({ eyeBlinkLeft: lid, eyeBlinkRight: lid * 0.96, eyeSquintLeft: lid / 4 }));
const WIDE = Array.from({ length: 32 }, (_, i) => `extra${i}`);

/** Left and right of jaw and mouth, up and down of an eye, at the same time. */
const BOTH: VectorPose[] = talks(12, 30, (n) => ({
  jawLeft: 0.2 + 0.01 * n,
  jawRight: 0.1,
  mouthLeft: n % 4 === 3 ? 0 : 0.05,
  mouthRight: 0.3,
  eyeLookUpLeft: 0.11,
  eyeLookDownLeft: 0.02 * n,
}));

const CHAINS: [string, VectorPose[], Chain?][] = [
  ['neutral, and again', [{}, {}, {}]],
  ['one blendshape up and down by small steps', [0.1, 0.11, 0.13, 0.13, 0.1, 0].map((jawOpen) => pose({ jawOpen }))],
  ['a blink', BLINK],
  ['a blink, hi', BLINK, { stream: stream({ profile: 'hi' }) }],
  ['talk at 30 frames a second, hi', talks(18, 30), { stream: stream({ profile: 'hi' }) }],
  ['talk at 30 frames a second, lo', talks(18, 30), { stream: stream({ profile: 'lo' }) }],
  ['talk at 24 frames a second', talks(18, 24), { stream: stream({ fps: 24 }) }],
  ['talk at 45 frames a second', talks(18, 45), { stream: stream({ fps: 45 }) }],
  ['talk at 60 frames a second', talks(18, 60), { stream: stream({ fps: 60 }) }],
  ['a frame a second', talks(3, 1), { stream: stream({ fps: 1 }) }],
  ['120 frames a second', talks(3, 120), { stream: stream({ fps: 120 }) }],
  [
    'angles on both sides',
    [0.3, -0.3, 1.5, -1.5].map((angle) =>
      pose({ headYaw: angle, headPitch: -angle, leftEyeYaw: angle, rightEyeRoll: -angle }),
    ),
  ],
  ['extremes: all up, down, and rest', [every(1), every(-1), every(1), {}]],
  ['clamped', [every(1e9), every(-1e9), every(3.2)]],
  ['clamped, hi', [every(1e9), every(-1e9), every(3.2)], { stream: stream({ profile: 'hi' }) }],
  ['clamped, lo', [every(1e9), every(-1e9), every(3.2)], { stream: stream({ profile: 'lo' }) }],
  [
    'what is not a number is 0, infinities are clamped',
    [
      pose({
        jawOpen: 'NaN',
        mouthPucker: 'Infinity',
        headYaw: '-Infinity',
        eyeLookUpLeft: 'NaN',
        eyeLookDownLeft: 0.5,
      }),
      pose({ jawOpen: 0.5, mouthPucker: 'NaN', headYaw: 'Infinity', mouthFunnel: '-Infinity' }),
    ],
  ],
  [
    'merged: both of a pair over 0 become their difference',
    [pose({ jawLeft: 0.3, jawRight: 0.1 }), pose({ jawLeft: 0.2, jawRight: 0.2 })],
  ],
  [
    'merged: below 0 is 0 before the pair merges',
    [pose({ jawLeft: 0.3, jawRight: -0.5, mouthRight: 9, mouthLeft: 1 })],
  ],
  ['unmerged, no overlap', talks(6, 30), { stream: stream({ unmerged: true }) }],
  ['unmerged, overlaps', BOTH, { stream: stream({ unmerged: true }) }],
  ['unmerged, overlaps, hi', BOTH, { stream: stream({ unmerged: true, profile: 'hi' }) }],
  ['unmerged, clamped', [every(9), {}, every(1), every(-1)], { stream: stream({ unmerged: true }) }],
  [
    'unmerged: the range of an overlap ends below the one before',
    [
      pose({ jawLeft: 1.2, jawRight: 1.2 }),
      pose({ jawLeft: 1.2, jawRight: 0.1 }),
      pose({ jawLeft: 0.05, jawRight: 1.2 }),
      pose({ jawLeft: 0.3, jawRight: 0.3 }),
      pose({ jawLeft: 1.25, jawRight: 0.1 }),
    ],
    { stream: stream({ unmerged: true }) },
  ],
  [
    'extras',
    [
      [-1, 1],
      [-0.98, 0.9],
      [-0.95, 0.8],
      [1, -1],
      [0, 0],
      [5, -5],
    ].map((extras) => pose({}, extras)),
    { stream: stream({ extras: NAMES, fps: 60 }) },
  ],
  [
    '32 extras, unmerged, hi, all at their ends',
    [every(1e9, 32), every(-1e9, 32), every(0.5, 32)],
    { stream: stream({ extras: WIDE, unmerged: true, profile: 'hi' }) },
  ],
  [
    'no face in between: the pose is held',
    [pose({ jawOpen: 0.5 }), pose({ jawOpen: 0.55 }), null, null, pose({ jawOpen: 0.55 })],
  ],
  [
    'no face, extras and overlaps held',
    [pose({ jawLeft: 0.4, jawRight: 0.2 }, [0.5, 0]), null, pose({ jawLeft: 0.4, jawRight: 0.2 }, [0.5, 0])],
    { stream: stream({ extras: NAMES, unmerged: true }) },
  ],
  ['no face at a key: rest, and a key when it is back', [null, null, pose({ jawOpen: 0.5 }), pose({ jawOpen: 0.5 })]],
  ['no face over a key', [{}, pose({ jawOpen: 0.5 }), null, null, null, pose({ jawOpen: 0.4 })], { keyInterval: 4 }],
  ['each unit a key', talks(5, 30), { keyInterval: 1 }],
  ['a key each second frame', talks(7, 30), { keyInterval: 2 }],
  ['keys asked for: the interval counts from them', talks(9, 30), { keyInterval: 4, forced: [2, 3] }],
  ['talk at 30 frames a second', talks(26, 30)],
];

function chain([name, poses, options = {}]: (typeof CHAINS)[number]): ChainVector {
  const { stream: own = STD, keyInterval = 8, forced = [] } = options;
  const config = configOf(own);
  const encoder = createFaceEncoder(config, { keyInterval });
  const decoder = createFaceDecoder(config);
  const units = poses.map((each, sequence) => {
    const { key, data } = encoder.encode(poseFrame(each, config), { key: forced.includes(sequence) });
    const result = resultOf(decoder.decode(sequence, key, data), config);
    if (result?.kind !== 'exact') throw new Error(`${name}: unit ${sequence} is ${result?.kind}`);
    const { kind: _, sequence: __, ...frame } = result;
    return { key, hex: toHex(data), ...(frame satisfies VectorFrame) };
  });
  return { name, stream: own, keyInterval, forced, poses, units };
}

function encoded(poses: VectorPose[], own = STD, keyInterval = 8): VectorUnit[] {
  const config = configOf(own);
  const encoder = createFaceEncoder(config, { keyInterval });
  return poses.map((each) => {
    const { key, data } = encoder.encode(poseFrame(each, config));
    return { key, hex: toHex(data) };
  });
}

/** Twenty units of talk: keys at 0, 8 and 16. */
const TALK = encoded(talks(20, 30));
const LONG = encoded(talks(36, 30), STD, 64);

const next: VectorCall = { call: 'next' };
const reset: VectorCall = { call: 'reset' };
const conceal = (sequence: number): VectorCall => ({ call: 'conceal', sequence });
const decode = (sequence: number, unit: VectorUnit): VectorCall => ({ call: 'decode', sequence, ...unit });
/** Unit `n` of TALK under its own sequence, or from `first` on. */
const at = (n: number, first = 0): VectorCall => decode((first + n) >>> 0, TALK[n]!);

function garbage(count: number, seed: number): VectorUnit[] {
  const next = random(seed);
  return Array.from({ length: count }, (_, n) => {
    const bytes = Uint8Array.from({ length: 1 + Math.floor(next() * 24) }, () => Math.floor(next() * 256));
    return { key: n % 3 === 0, hex: toHex(bytes) };
  });
}

const GONE = encoded([pose({ jawOpen: 0.3 }), pose({ jawOpen: 0.4 }), null]);

const CALLS: [string, VectorCall[], VectorStream?][] = [
  ['in order', [at(0), next, at(1), next, at(2), next]],
  ['nothing before a key', [at(3), next, conceal(4), at(8), next, at(9)]],
  ['a late unit restores the chain', [at(0), at(1), at(3), at(4), next, at(2), next, next, next, at(5)]],
  ['a late key restores the chain', [at(2), at(1), at(3), next, at(0), next, next, next, next]],
  ['two gaps: each is closed by itself', [at(0), at(2), at(4), at(1), next, next, at(3), next, next]],
  ['a key after loss; what is older is stale', [at(0), at(2), at(8), next, at(1), at(2), at(9)]],
  [
    'a unit that waits for a key that never came, and goes with a newer',
    [at(0), at(4), at(5), at(8), next, at(5), at(9)],
  ],
  ['a key overtakes; units that follow it wait', [at(0), at(10), at(9), at(8), next, next, next]],
  ['duplicates: of a decoded and of a waiting one', [at(0), at(0), at(2), at(2), at(1), next, next, at(2)]],
  ['reset: all is forgotten', [at(0), at(2), reset, next, conceal(1), at(1), at(0), next, next]],
  [
    'sequences wrap',
    [
      at(0, 0xffff_fffe),
      at(1, 0xffff_fffe),
      at(3, 0xffff_fffe),
      at(2, 0xffff_fffe),
      next,
      at(1, 0xffff_fffe),
      conceal(3),
    ],
  ],
  ['2^31 - 1 ahead is new, 2^31 is stale', [at(0), at(8, 0x7fff_fff7), at(16, 0xffff_ffef)]],
  [
    'concealed: still after a key, then with damped velocity',
    [
      at(0),
      conceal(1),
      conceal(0),
      at(1),
      conceal(2),
      conceal(3),
      conceal(4),
      conceal(1000),
      conceal(1),
      at(2),
      conceal(3),
    ],
  ],
  ['concealed after a gap: held', [at(0), at(1), at(8), conceal(9), at(9), conceal(10)]],
  [
    'concealed without a face: held',
    [decode(0, GONE[0]!), decode(1, GONE[1]!), conceal(2), decode(2, GONE[2]!), conceal(3)],
  ],
  [
    'concealed at the end of the range',
    encoded([pose({ headYaw: 2, jawOpen: 0 }), pose({ headYaw: 3.1, jawOpen: 1.2 })])
      .map((unit, n) => decode(n, unit))
      .concat(conceal(2), conceal(9)),
  ],
  [
    'concealed extras and overlaps',
    encoded(
      [pose({ jawLeft: 0.2, jawRight: 0.1 }, [0.5, 1]), pose({ jawLeft: 0.3, jawRight: 0.2 }, [0.7, -1])],
      stream({ unmerged: true, extras: NAMES }),
    )
      .map((unit, n) => decode(n, unit))
      .concat(conceal(2)),
    stream({ unmerged: true, extras: NAMES }),
  ],
  [
    '32 units wait, the oldest goes',
    [
      ...LONG.map((unit, n) => decode(n, unit)).slice(2, 35),
      decode(0, LONG[0]!),
      next,
      decode(1, LONG[1]!),
      next,
      decode(2, LONG[2]!),
      ...Array.from({ length: 33 }, () => next),
    ],
  ],
  [
    'a malformed unit changes nothing',
    [
      at(0),
      decode(1, { key: false, hex: `${TALK[1]!.hex}00` }),
      next,
      conceal(1),
      decode(1, { key: true, hex: 'ff'.repeat(193) }),
      at(1),
      next,
    ],
  ],
  [
    'a malformed unit that waited',
    [at(0), decode(2, { key: false, hex: `${TALK[2]!.hex}00` }), at(1), next, next, at(2)],
  ],
  ['no checksum: random bytes are malformed, or some frame in range', garbage(24, 1).map((unit, n) => decode(n, unit))],
  [
    'random bytes, hi, unmerged, extras',
    garbage(16, 2).map((unit, n) => decode(n, unit)),
    stream({ profile: 'hi', unmerged: true, extras: NAMES, fps: 60 }),
  ],
  [
    'no checksum: what is left of a key that was cut',
    Array.from({ length: TALK[0]!.hex.length / 2 }, (_, n) =>
      decode(n, { key: true, hex: TALK[0]!.hex.slice(0, 2 * n) }),
    ),
  ],
  ['an empty unit', [decode(0, { key: true, hex: '' }), decode(1, { key: false, hex: '' })]],
];

function calls([name, list, own = STD]: (typeof CALLS)[number]): CallsVector {
  const config = configOf(own);
  const decoder = createFaceDecoder(config);
  return {
    name,
    stream: own,
    calls: list.map((call) => {
      const result = callDecoder(decoder, call);
      return { ...call, result: result === undefined ? null : resultOf(result, config) };
    }),
  };
}

/** Bytes that a decoder refuses after the units before `n` of TALK, made from unit `n`. */
type Damage = (bytes: Uint8Array) => Uint8Array;

const BAD: [string, Damage, 'key' | 'chain' | 'either'][] = [
  ['over 192 bytes', () => new Uint8Array(MAX_UNIT_BYTES + 1).fill(7), 'key'],
  ['a chain unit over 192 bytes', () => new Uint8Array(MAX_UNIT_BYTES + 1).fill(7), 'chain'],
  ['192 bytes of 255', () => new Uint8Array(MAX_UNIT_BYTES).fill(255), 'key'],
  ['a zero byte', () => Uint8Array.of(0), 'key'],
  ['a zero byte at the end of a key', (bytes) => Uint8Array.of(...bytes, 0), 'key'],
  ['a zero byte at the end of a chain unit', (bytes) => Uint8Array.of(...bytes, 0), 'chain'],
  ['a byte at the end of a key', (bytes) => Uint8Array.of(...bytes, 1), 'key'],
  ['a byte at the end of a chain unit', (bytes) => Uint8Array.of(...bytes, 1), 'chain'],
  ['garbage at the end', (bytes) => Uint8Array.of(...bytes, 0xde, 0xad, 0xbe, 0xef), 'either'],
  [
    'the same frame, spelled with a greater number',
    (bytes) => bytes.map((byte, n) => (n === bytes.length - 1 ? byte + 1 : byte)),
    'either',
  ],
  ['a unit twice', (bytes) => Uint8Array.of(...bytes, ...bytes), 'either'],
];

/** The first unit of TALK that a decoder refuses when it is damaged so: much damage makes another frame instead. */
function bad([name, damage, kind]: (typeof BAD)[number]): BadVector {
  const config = configOf(STD);
  for (const [n, { key, hex }] of TALK.entries()) {
    if (kind !== 'either' && key !== (kind === 'key')) continue;
    const bytes = damage(fromHex(hex));
    const decoder = createFaceDecoder(config);
    const before = TALK.slice(0, n);
    for (const [sequence, unit] of before.entries()) decoder.decode(sequence, unit.key, fromHex(unit.hex));
    const result = decoder.decode(n, key, bytes);
    if (result.kind === 'malformed') return { name, stream: STD, before, key, hex: toHex(bytes), error: result.reason };
  }
  throw new Error(`no unit is malformed: ${name}`);
}

export function motionVectors(): VectorFile {
  return {
    description:
      'face-1 units, docs/motion-codec.md: chains of poses, the units they give and the frame of each; calls of one decoder and what each gives; a unit that is malformed after those before it.',
    cases: [...BAD.map(bad), ...CALLS.map(calls), ...CHAINS.map(chain)],
  };
}
