import {
  asObject,
  bool,
  bytes,
  comment,
  counts,
  type Fields,
  info,
  knownWords,
  list,
  map,
  number,
  oneOf,
  optional,
  reactionCounts,
  reactionKind,
  readFields,
  shortText,
  text,
  uint,
} from './checks.ts';
import { MODERATIONS, PERMISSIONS, SPEAK_STATES } from './community.ts';
import { MessageError } from './errors.ts';
import { TRUNK_ASKS } from './trunk.ts';
import type { MessagesFrom } from './types.ts';

const MAX_LIVERS = 8;
const MAX_LIST = 64;
const MAX_NAMES = 8;
const MAX_RESUME_CHARACTERS = 512;
const MAX_REASON_CHARACTERS = 200;
const MAX_NUMBERING_CHARACTERS = 256;

const u32 = uint(0xffff_ffff);
const slot = uint(7);
const generation = uint(255);
const id = { id: u32 };

const motion = map({
  codec: text,
  fps: number(1, 120),
  channels: uint(93),
  extras: optional(list(text, 32)),
  config: optional(bytes),
});

const voice = map({
  codec: oneOf('opus'),
  sampleRate: oneOf(48_000),
  channels: oneOf(1, 2),
  frameMs: number(2.5, 60),
});

const media = { motion: optional(motion), voice: optional(voice), info: optional(info) };
const liver = { slot, gen: generation, sub: text, name: optional(text), ...media };

const roles = list(text, MAX_LIST);
const permissions = knownWords(PERMISSIONS, MAX_LIST);
const member = map({ sub: text, name: optional(text), roles, isNew: optional(bool), muted: optional(bool) });
const names = list(member, MAX_NAMES);

const written = { sub: text, name: optional(text), text: comment, at: uint() };

const share = number(0, 1);
const lagMs = map({ p50: number(-1e9, 1e9), p99: number(-1e9, 1e9) });
const routeSlot = map({
  slot,
  lagMs: optional(lagMs),
  uncertaintyMs: number(0, 1e9),
  loss: share,
  from: optional(map({ relay: text, region: optional(text), rttMs: number(0, 1e9) })),
});
const delivery = map({
  voice: uint(4),
  holdMs: number(0, 1000),
  repair: oneOf('none', 'repeat', 'since_key', 'request'),
  spacingMs: number(0, 1000),
  layer: oneOf('all', 'keys', 'voice'),
  why: text,
  spareMs: optional(number(-1e9, 1e9)),
  loss: share,
  level: uint(8),
});

/** Of a `network` or `browser`. */
const MAX_KIND_CHARACTERS = 32;

const CLIENT: Record<MessagesFrom['client']['t'], Fields> = {
  hello: { v: uint(), token: text, agent: optional(text), resume: optional(shortText(MAX_RESUME_CHARACTERS)) },
  publish: { ...id, ...media },
  unpublish: id,
  watch: id,
  unwatch: id,
  report: {
    marginMs: number(0, 10_000),
    lagP99Ms: optional(number(-1e9, 1e9)),
    lost: optional(uint()),
    asks: optional(bool),
    stalls: optional(uint()),
    joinMs: optional(number(0, 600_000)),
    network: optional(shortText(MAX_KIND_CHARACTERS)),
    browser: optional(shortText(MAX_KIND_CHARACTERS)),
  },
  route: id,
  refresh: { ...id, token: text },
  presence: { ...id, on: bool },
  speak: { ...id, want: bool },
  moderate: {
    ...id,
    action: oneOf(...MODERATIONS),
    sub: optional(text),
    n: optional(uint()),
    seconds: optional(u32),
    reason: optional(shortText(MAX_REASON_CHARACTERS)),
  },
  comments: { after: optional(uint()), early: optional(bool) },
  comment: { ...id, text: comment },
  react: { ...id, kind: reactionKind },
  gifts: { after: optional(uint()) },
  gift: { ...id, ticket: text },
};

const RELAY: Record<MessagesFrom['relay']['t'], Fields> = {
  welcome: {
    v: uint(),
    session: text,
    room: text,
    alias: uint(0x3fff_ffff),
    sub: text,
    name: optional(text),
    roles,
    permissions,
    expiresAt: uint(),
    resume: optional(shortText(MAX_RESUME_CHARACTERS)),
    resumed: optional(bool),
    budgetMs: u32,
    numbering: optional(shortText(MAX_NUMBERING_CHARACTERS)),
    livers: list(map(liver), MAX_LIVERS),
  },
  publishing: { ...id, slot, gen: generation },
  done: { ...id, n: optional(uint()) },
  liver,
  left: { slot, gen: generation },
  uplink: {
    received: uint(),
    lost: uint(),
    duplicate: uint(),
    lagMs,
    uncertaintyMs: number(0, 1e9),
    refused: counts,
    holdMs: optional(number(0, 60)),
    repair: optional(oneOf('none', 'repeat', 'since_key')),
    spacingMs: optional(number(0, 500)),
    voiceBitrate: optional(uint(510_000)),
  },
  route: {
    ...id,
    relay: optional(text),
    region: optional(text),
    slots: list(routeSlot, MAX_LIVERS),
    delivery: optional(delivery),
  },
  error: { id: optional(u32), code: text, message: text, retryable: bool },
  draining: { deadlineMs: u32 },
  access: { id: optional(u32), roles, permissions, expiresAt: uint() },
  room: { slowSeconds: u32, host: optional(text) },
  members: {
    total: uint(),
    viewers: uint(),
    members: list(member, MAX_LIST),
    requests: optional(list(member, MAX_LIST)),
  },
  presence: {
    total: uint(),
    viewers: uint(),
    entered: names,
    left: list(text, MAX_NAMES),
    moreEntered: optional(uint()),
    moreLeft: optional(uint()),
  },
  speak: { sub: text, name: optional(text), state: oneOf(...SPEAK_STATES) },
  comments: { after: uint(), missed: optional(uint()) },
  deleted: { n: optional(list(uint(), MAX_LIST)), sub: optional(text), early: optional(list(uint(), MAX_LIST)) },
  missed: { count: uint() },
  reactions: { counts: reactionCounts },
  comment: { n: uint(), key: optional(uint()), ...written },
  early: { key: uint(), ...written },
  gifts: { after: uint() },
  gifted: { ...id, n: optional(uint()), gift: optional(uint()), at: uint(), repeat: bool },
  gift: {
    n: optional(uint()),
    kind: oneOf('gift', 'void', 'refund'),
    jti: text,
    of: optional(text),
    sub: text,
    name: optional(text),
    liver: text,
    item: text,
    amount: uint(),
    currency: text,
    at: uint(),
  },
  placed: { n: uint(), kind: oneOf('gift', 'void', 'refund'), jti: text },
};

const MAX_HOPS = 16;
const MAX_TICKET_CHARACTERS = 4096;
const key = shortText(128);
const room = { room: key };
const command = map({
  action: oneOf(...MODERATIONS),
  sub: optional(text),
  n: optional(uint()),
  seconds: optional(u32),
  reason: optional(shortText(MAX_REASON_CHARACTERS)),
});
const crowd = { people: uint(), viewers: uint() };
const routed = { ...liver, hops: uint(MAX_HOPS) };
const place = { ...room, epoch: uint(), home: key, origin: key, numbering: optional(key) };
const pull = { ...place, id: u32, alias: uint(0x3fff_ffff), livers: list(map(routed), MAX_LIVERS), ...crowd };
const path = { path: list(key, MAX_HOPS) };

const TRUNK: Record<MessagesFrom['trunk']['t'], Fields> = {
  hello: { v: uint(), relay: key, region: key },
  ping: {},
  pull: { ...pull, after: optional(uint()) },
  pulling: { ...pull, ...path },
  ready: room,
  path: { ...place, ...path },
  refused: { ...room, id: optional(u32), code: text },
  unpull: room,
  invite: place,
  liver: { ...room, ...routed },
  left: { ...room, slot, gen: generation, gone: optional(bool) },
  evict: { ...room, slot, gen: generation },
  ask: {
    ...room,
    ...id,
    ask: oneOf(...TRUNK_ASKS),
    sub: text,
    name: optional(text),
    text: optional(comment),
    at: optional(uint()),
    key: optional(uint()),
    command: optional(command),
  },
  answer: {
    ...room,
    ...id,
    code: optional(text),
    slot: optional(slot),
    gen: optional(generation),
    n: optional(uint()),
  },
  act: { ...room, command, by: text },
  comments: { ...room, messages: bytes },
  reacted: { ...room, counts: reactionCounts },
  crowd: { ...room, ...crowd },
  gift: { ...room, ticket: shortText(MAX_TICKET_CHARACTERS), sub: text, name: optional(text), at: uint() },
  keep: {
    ...id,
    ...room,
    jti: text,
    sub: text,
    liver: text,
    item: text,
    amount: uint(),
    currency: text,
    reg: text,
    at: uint(),
  },
  kept: { ...id, ok: bool },
};

const TABLES: Record<keyof MessagesFrom, Record<string, Fields>> = { client: CLIENT, relay: RELAY, trunk: TRUNK };

/** Of a message's type that is told back. */
const MAX_NAME = 24;

/** Reads a decoded map as a message from one side; unknown fields are left out. Throws MessageError. */
export function validateMessage<Side extends keyof MessagesFrom>(from: Side, value: unknown): MessagesFrom[Side] {
  const source = asObject(value, 'message');
  const t = Object.hasOwn(source, 't') ? source['t'] : undefined;
  const table = TABLES[from];
  if (typeof t !== 'string' || !Object.hasOwn(table, t)) {
    // What is longer is no name, but may be a token in the wrong place.
    const named = typeof t !== 'string' ? typeof t : t.length <= MAX_NAME ? `"${t}"` : `in ${t.length} characters`;
    throw new MessageError('unknown_type', `no message from the ${from} is named ${named}`);
  }
  return { t, ...readFields(source, table[t]!, '') } as unknown as MessagesFrom[Side];
}
