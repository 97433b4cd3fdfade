import {
  type ClientMessage,
  decodeMessage,
  encodeMessage,
  type MessagesFrom,
  type RelayMessage,
} from '../../messages/index.ts';
import { faceConfig } from '../../motion/index.ts';
import { filler, fromHex, toHex, type VectorFile } from './hex.ts';
import { BAD_TRUNK_MESSAGES, TRUNK_MESSAGES } from './trunk-messages.ts';

const MOTION = { ...faceConfig({ fps: 60, extras: ['tailWag'] }), config: filler(3) };
const VOICE = { codec: 'opus', sampleRate: 48000, channels: 1, frameMs: 20 } as const;
const LIVER = { slot: 0, gen: 3, sub: 'liver-1', name: 'Hayate 疾風', motion: MOTION, voice: VOICE };

const CLIENT: ClientMessage[] = [
  { t: 'hello', v: 1, token: 'a.b.c', agent: 'test/1' },
  { t: 'hello', v: 2, token: '' },
  { t: 'publish', id: 1, motion: MOTION, voice: VOICE },
  { t: 'publish', id: 0xffff_ffff },
  { t: 'publish', id: 2, info: '{"scene":"夜"}' },
  { t: 'unpublish', id: 2 },
  { t: 'watch', id: 3 },
  { t: 'unwatch', id: 4 },
  { t: 'comments' },
  { t: 'comment', id: 5, text: 'こんにちは 🎉' },
  { t: 'report', marginMs: 12.5 },
  { t: 'report', marginMs: 0, lagP99Ms: 93.25, lost: 7 },
  { t: 'gifts' },
  { t: 'gifts', after: 4_294_967_296 },
  { t: 'gift', id: 6, ticket: 'a.b.c' },
  { t: 'report', marginMs: 5, asks: true },
  { t: 'report', marginMs: 5, stalls: 2, joinMs: 412.5, network: 'cellular', browser: 'chromium' },
  { t: 'hello', v: 1, token: 'a.b.c', resume: 'r-1' },
  { t: 'refresh', id: 7, token: 'a.b.c' },
  { t: 'presence', id: 8, on: true },
  { t: 'speak', id: 9, want: false },
  { t: 'moderate', id: 10, action: 'ban', sub: 'u', seconds: 3600, reason: 'spam' },
  { t: 'moderate', id: 11, action: 'delete', n: 12 },
  { t: 'moderate', id: 12, action: 'slow', seconds: 5 },
  { t: 'moderate', id: 13, action: 'close' },
  { t: 'comments', after: 12 },
  { t: 'react', id: 14, kind: 'heart' },
  { t: 'comments', after: 12, early: true },
  { t: 'route', id: 15 },
];

const RELAY: RelayMessage[] = [
  {
    t: 'welcome',
    v: 1,
    session: 's-1',
    room: 'r',
    alias: 300,
    sub: 'u',
    name: 'U',
    roles: ['liver', 'viewer'],
    permissions: ['publish', 'watch', 'comment', 'react', 'gift', 'speak', 'moderate'],
    expiresAt: 1_763_877_600_000,
    resume: 'r-2',
    resumed: true,
    budgetMs: 100,
    livers: [LIVER, { slot: 7, gen: 0, sub: 'x' }],
  },
  { t: 'publishing', id: 1, slot: 7, gen: 255 },
  { t: 'done', id: 1 },
  { t: 'liver', ...LIVER },
  { t: 'liver', ...LIVER, info: '' },
  { t: 'left', slot: 0, gen: 3 },
  {
    t: 'uplink',
    received: 100,
    lost: 2,
    duplicate: 1,
    lagMs: { p50: 4.5, p99: 12.25 },
    uncertaintyMs: 1.5,
    refused: { capture_time_out_of_range: 3 },
  },
  {
    t: 'uplink',
    received: 0,
    lost: 0,
    duplicate: 0,
    lagMs: { p50: 0, p99: 0 },
    uncertaintyMs: 0,
    refused: {},
    holdMs: 20,
    repair: 'since_key',
    spacingMs: 35,
    voiceBitrate: 12_000,
  },
  { t: 'error', id: 1, code: 'room_full', message: 'all 8 slots are taken', retryable: true },
  { t: 'error', code: 'rate_limited', message: 'slower', retryable: true },
  { t: 'draining', deadlineMs: 5000 },
  { t: 'comment', n: 12, sub: 'u', text: 'hi', at: 1_763_874_000_000 },
  { t: 'gifts', after: 0 },
  { t: 'gifted', id: 6, n: 3, gift: 900, at: 1_763_874_000_000, repeat: false },
  {
    t: 'gift',
    n: 3,
    kind: 'gift',
    jti: 'g-1',
    sub: 'u',
    name: 'U',
    liver: 'liver-1',
    item: 'star',
    amount: Number.MAX_SAFE_INTEGER,
    currency: 'JPY',
    at: 1_763_874_000_000,
  },
  { t: 'done', id: 5, n: 13 },
  { t: 'access', id: 7, roles: ['viewer'], permissions: ['watch'], expiresAt: 1_763_881_200_000 },
  { t: 'access', roles: [], permissions: ['publish', 'watch'], expiresAt: 1_763_881_200_000 },
  { t: 'room', slowSeconds: 5, host: 'liver-1' },
  {
    t: 'members',
    total: 5000,
    viewers: 4990,
    members: [
      { sub: 'liver-1', name: 'Hayate 疾風', roles: ['liver'] },
      { sub: 'u', roles: ['viewer'], isNew: true, muted: true },
    ],
    requests: [{ sub: 'u', roles: ['viewer'] }],
  },
  {
    t: 'presence',
    total: 5001,
    viewers: 4991,
    entered: [{ sub: 'v', name: 'V', roles: ['viewer'], isNew: true }],
    left: ['w'],
    moreEntered: 92,
    moreLeft: 90,
  },
  { t: 'speak', sub: 'u', name: 'U', state: 'requested' },
  { t: 'comments', after: 12, missed: 3 },
  { t: 'deleted', n: [12, 13] },
  { t: 'deleted', sub: 'u' },
  { t: 'missed', count: 480 },
  { t: 'reactions', counts: { heart: 300, clap: 2 } },
  {
    t: 'gift',
    n: 4,
    kind: 'refund',
    jti: 'r-1',
    of: 'g-1',
    sub: 'u',
    liver: 'liver-1',
    item: 'star',
    amount: 40,
    currency: 'JPY',
    at: 1_763_874_060_000,
  },
  { t: 'gifted', id: 7, gift: 901, at: 1_763_874_000_000, repeat: false },
  { t: 'gifted', id: 8, at: 1_763_874_000_000, repeat: true },
  {
    t: 'gift',
    kind: 'gift',
    jti: 'g-2',
    sub: 'u',
    liver: 'liver-1',
    item: 'star',
    amount: 100,
    currency: 'JPY',
    at: 1_763_874_060_000,
  },
  { t: 'placed', n: 5, kind: 'gift', jti: 'g-2' },
  {
    t: 'welcome',
    v: 1,
    session: 's-2',
    room: 'r',
    alias: 1,
    sub: 'u',
    roles: ['viewer'],
    permissions: ['watch'],
    expiresAt: 1_763_877_600_000,
    budgetMs: 100,
    numbering: 'jp/r/1',
    livers: [],
  },
  { t: 'early', key: Number.MAX_SAFE_INTEGER, sub: 'u', name: 'U', text: 'こんにちは', at: 1_763_874_000_000 },
  { t: 'comment', n: 14, key: 7, sub: 'u', text: 'hi', at: 1_763_874_000_000 },
  { t: 'deleted', early: [7, Number.MAX_SAFE_INTEGER] },
  { t: 'route', id: 15, slots: [] },
  {
    t: 'route',
    id: 16,
    relay: 'us-1',
    region: 'us',
    slots: [
      { slot: 0, lagMs: { p50: 4.5, p99: 12.25 }, uncertaintyMs: 1.5, loss: 0.25 },
      { slot: 1, uncertaintyMs: 66, loss: 0, from: { relay: 'jp-1', region: 'jp', rttMs: 130.5 } },
    ],
    delivery: {
      voice: 2,
      holdMs: 20,
      repair: 'request',
      spacingMs: 15,
      layer: 'all',
      why: 'loss',
      spareMs: -3.5,
      loss: 0.03125,
      level: 0,
    },
  },
];

/** Good ones that the encoder here writes otherwise; by hand. */
const OTHER: [string, keyof MessagesFrom, string][] = [
  ['unknown field', 'relay', 'a3 6174 64646f6e65 626964 01 6178 82 01 f6'],
  ['id as a 64-bit integer', 'relay', 'a2 6174 64646f6e65 626964 1b0000000000000001'],
  ['null instead of a missing field', 'client', 'a3 6174 677075626c697368 626964 01 65766f696365 f6'],
];

const BAD: [string, keyof MessagesFrom, string, string][] = [
  ['nothing', 'client', '', 'empty'],
  ['an array', 'client', '80', 'not_a_map'],
  ['text', 'client', '6174', 'not_a_map'],
  ['map cut', 'client', 'a1 6174', 'truncated'],
  ['text cut', 'client', 'a1 6174 656162', 'truncated'],
  ['head cut', 'client', 'a1 6174 19 00', 'truncated'],
  ['a byte left over', 'client', 'a1 6174 68636f6d6d656e7473 00', 'trailing'],
  ['nesting of 9', 'client', `a1 6178 ${'81'.repeat(8)} 00`, 'depth'],
  ['4 G items', 'client', 'bb 0000000100000000', 'count'],
  ['2^64 - 1 items', 'client', 'a1 6178 9b ffffffffffffffff', 'count'],
  ['text of 2^63 bytes', 'client', 'a1 6178 7b 8000000000000000 61', 'truncated'],
  ['indefinite map', 'client', 'bf 6174 6161 ff', 'indefinite'],
  ['indefinite text', 'client', 'a1 6174 7f 6161 ff', 'indefinite'],
  ['a tag', 'client', 'a1 6178 c1 00', 'tag'],
  ['simple value 0', 'client', 'a1 6178 e0', 'simple'],
  ['reserved length 28', 'client', 'a1 6178 1c', 'simple'],
  ['key that is no text', 'client', 'a1 01 02', 'key_type'],
  ['no t', 'client', 'a1 6178 01', 'unknown_type'],
  ['t is a number', 'client', 'a1 6174 01', 'unknown_type'],
  ['t is nothing known', 'client', 'a1 6174 6378797a', 'unknown_type'],
  ['t is a name of the prototype', 'client', 'a1 6174 6b 636f6e7374727563746f72', 'unknown_type'],
  ['a message of the relay', 'client', 'a2 6174 64646f6e65 626964 01', 'unknown_type'],
  ['missing field', 'client', 'a1 6174 657761746368', 'field'],
  ['negative id', 'client', 'a2 6174 657761746368 626964 20', 'field'],
  ['id over 32 bits', 'client', 'a2 6174 657761746368 626964 1b0000000100000000', 'field'],
  ['id over 53 bits', 'client', 'a2 6174 657761746368 626964 1bffffffffffffffff', 'field'],
  ['report without a margin', 'client', 'a1 6174 667265706f7274', 'field'],
  ['report with a negative margin', 'client', 'a2 6174 667265706f7274 686d617267696e4d73 20', 'field'],
  ['report whose asks is a number', 'client', 'a3 6174 667265706f7274 686d617267696e4d73 05 6461736b73 01', 'field'],
  [
    'report of a network with 33 characters',
    'client',
    `a3 6174 667265706f7274 686d617267696e4d73 05 676e6574776f726b 7821 ${'61'.repeat(33)}`,
    'field',
  ],
  ['report whose margin is NaN', 'client', 'a2 6174 667265706f7274 686d617267696e4d73 f97e00', 'field'],
  ['gift without a ticket', 'client', 'a2 6174 6467696674 626964 01', 'field'],
  ['gifts after a negative sequence', 'client', 'a2 6174 656769667473 656166746572 20', 'field'],
  [
    'gift of half a yen',
    'relay',
    'ab 6174 6467696674 616e 01 646b696e64 6467696674 636a7469 6161 63737562 6175 656c69766572 616c 646974656d 6169 66616d6f756e74 f93800 6863757272656e6379 634a5059 626174 01 626f66 6162',
    'field',
  ],
  [
    'record of an unknown kind',
    'relay',
    'aa 6174 6467696674 616e 01 646b696e64 63746970 636a7469 6161 63737562 6175 656c69766572 616c 646974656d 6169 66616d6f756e74 01 6863757272656e6379 634a5059 626174 01',
    'field',
  ],
  ['route without slots', 'relay', 'a2 6174 65726f757465 626964 01', 'field'],
  ['place of nothing', 'relay', 'a3 6174 66706c61636564 616e 05 646b696e64 6467696674', 'field'],
  ['presence whose on is a number', 'client', 'a3 6174 6870726573656e6365 626964 01 626f6e 01', 'field'],
  ['moderate without an action', 'client', 'a2 6174 686d6f646572617465 626964 01', 'field'],
  ['moderate of an unknown action', 'client', 'a3 6174 686d6f646572617465 626964 01 66616374696f6e 6378797a', 'field'],
  ['reaction with a space', 'client', 'a3 6174 657265616374 626964 01 646b696e64 63612062', 'field'],
  ['reaction without a kind', 'client', 'a3 6174 657265616374 626964 01 646b696e64 60', 'field'],
  ['comments after a negative number', 'client', 'a2 6174 68636f6d6d656e7473 656166746572 20', 'field'],
  ['comments whose early is a number', 'client', 'a2 6174 68636f6d6d656e7473 656561726c79 01', 'field'],
  ['early without a key', 'relay', 'a4 6174 656561726c79 63737562 6175 6474657874 626869 626174 01', 'field'],
  ['speak of an unknown state', 'relay', 'a3 6174 65737065616b 63737562 6175 657374617465 6378797a', 'field'],
  ['reactions that are no counts', 'relay', 'a2 6174 697265616374696f6e73 66636f756e7473 a1 6161 20', 'field'],
  ['empty comment', 'client', 'a3 6174 67636f6d6d656e74 626964 01 6474657874 60', 'field'],
  [
    'comment of 501 characters',
    'client',
    `a3 6174 67636f6d6d656e74 626964 01 6474657874 7901f5 ${'61'.repeat(501)}`,
    'field',
  ],
];

export function messageVectors(): VectorFile {
  const good = (from: keyof MessagesFrom) => (message: MessagesFrom[keyof MessagesFrom], index: number) => ({
    name: `${from} ${index + 1}: ${message.t}`,
    from,
    hex: toHex(encodeMessage(message)),
    shortest: true,
    message: plain(message),
  });
  return {
    description:
      'Messages of reliable streams, docs/protocol.md section 4, with their length before them. Bytes stand as {"hex": ...}.',
    cases: [
      ...CLIENT.map(good('client')),
      ...RELAY.map(good('relay')),
      ...TRUNK_MESSAGES.map(good('trunk')),
      ...OTHER.map(([name, from, hex]) => {
        const body = fromHex(hex);
        return { name, from, hex: framed(body), shortest: false, message: plain(decodeMessage(from, body)) };
      }),
      ...[...BAD, ...BAD_TRUNK_MESSAGES].map(([name, from, hex, error]) => ({
        name,
        from,
        hex: framed(fromHex(hex)),
        error,
      })),
    ],
  };
}

/** The message with each byte string as {hex}. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return { hex: toHex(value) };
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, plain(entry)]));
}

function framed(body: Uint8Array): string {
  const length = body.length < 64 ? [body.length] : [0x40 | (body.length >> 8), body.length & 0xff];
  return toHex(Uint8Array.of(...length, ...body));
}
