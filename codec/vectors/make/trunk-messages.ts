import type { TrunkMessage } from '../../messages/index.ts';

const PLACE = { room: 'r', epoch: 4, home: 'jp', origin: 'jp-1' };

/** One of each message between relays. */
export const TRUNK_MESSAGES: TrunkMessage[] = [
  { t: 'hello', v: 1, relay: 'jp-1', region: 'jp' },
  { t: 'ping' },
  { ...PLACE, t: 'pull', id: 1, alias: 300, livers: [], people: 2, viewers: 1, after: 12 },
  {
    ...PLACE,
    t: 'pulling',
    id: 1,
    alias: 17,
    livers: [{ slot: 7, gen: 0, sub: 'x', hops: 1 }],
    people: 4_294_967_296,
    viewers: 0,
    numbering: 'jp/a1',
    path: ['us-1', 'jp-1'],
  },
  { t: 'ready', room: 'r' },
  { ...PLACE, t: 'path', path: [] },
  { t: 'refused', room: 'r', id: 1, code: 'draining' },
  { t: 'refused', room: 'r', code: 'closed' },
  { t: 'unpull', room: 'r' },
  { t: 'liver', room: 'r', slot: 3, gen: 255, sub: 'u', name: 'Hayate 疾風', hops: 0 },
  { t: 'left', room: 'r', slot: 3, gen: 255, gone: true },
  { t: 'left', room: 'r', slot: 3, gen: 255 },
  { t: 'evict', room: 'r', slot: 0, gen: 1 },
  { t: 'ask', room: 'r', id: 2, ask: 'slot', sub: 'u' },
  { t: 'ask', room: 'r', id: 3, ask: 'comment', sub: 'u', name: 'U', text: 'こんにちは' },
  { t: 'ask', room: 'r', id: 4, ask: 'moderate', sub: 'm', command: { action: 'mute', sub: 'u', seconds: 60 } },
  { t: 'answer', room: 'r', id: 2, slot: 3, gen: 255 },
  { t: 'answer', room: 'r', id: 3, n: 13 },
  { t: 'answer', room: 'r', id: 4, code: 'no_such_member' },
  { t: 'act', room: 'r', by: 'm', command: { action: 'close' } },
  { t: 'comments', room: 'r', messages: new Uint8Array([2, 0xa1, 0x61]) },
  { t: 'reacted', room: 'r', counts: { heart: 3 } },
  { t: 'crowd', room: 'r', people: 3, viewers: 2 },
  { t: 'gift', room: 'r', ticket: 'a.b.c', sub: 'u', name: 'U', at: 1_763_874_060_000 },
  {
    ...{ t: 'keep', id: 5, jti: 'g-1', room: 'r', sub: 'u', liver: 'liver-1', item: 'star', amount: 100 },
    ...{ currency: 'JPY', reg: 'jp', at: 1_763_874_000_000 },
  },
  { t: 'kept', id: 5, ok: true },
  {
    ...{ t: 'ask', room: 'r', id: 5, ask: 'comment', sub: 'u', text: 'hi' },
    ...{ at: 1_763_874_000_000, key: Number.MAX_SAFE_INTEGER },
  },
  { ...PLACE, t: 'invite' },
];

/** Name, CBOR without its length, reason. */
export const BAD_TRUNK_MESSAGES: [string, 'trunk', string, string][] = [
  ['of a client', 'trunk', 'a2 6174 657761746368 626964 03', 'unknown_type'],
  ['room of 129 characters', 'trunk', `a2 6174 66756e70756c6c 64726f6f6d 7881${'61'.repeat(129)}`, 'field'],
  ['kept without a word', 'trunk', 'a2 6174 646b657074 626964 05', 'field'],
  ['left without a slot', 'trunk', 'a3 6174 646c656674 64726f6f6d 6172 6367656e 01', 'field'],
  [
    'comments that are no bytes',
    'trunk',
    'a3 6174 68636f6d6d656e7473 64726f6f6d 6172 686d65737361676573 6161',
    'field',
  ],
  [
    'ask for something else',
    'trunk',
    'a5 6174 6361736b 64726f6f6d 6172 626964 01 6361736b 6178 63737562 6175',
    'field',
  ],
];
