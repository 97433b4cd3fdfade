import type { Liver } from './types.ts';

/** Between two relays of a cluster, docs/protocol.md "Trunk control". Either side sends any of them. */

/** What goes through a room's tree to its origin and is answered by it. */
export const TRUNK_ASKS = ['slot', 'comment', 'moderate'] as const;
export type TrunkAsk = (typeof TRUNK_ASKS)[number];

/** The first message of each side. */
export interface TrunkHello {
  t: 'hello';
  /** Version of the trunk's protocol. */
  v: number;
  /** As in the sender's certificate. */
  relay: string;
  region: string;
}

/** The sender lives. Sent when nothing else was for a while. */
export interface TrunkPing {
  t: 'ping';
}

/** Media of this liver comes from the sender. */
export interface RoutedLiver extends Liver {
  /** Relays between the sender and the liver; 0: the liver is at the sender. */
  hops: number;
}

/** Where a room stands, as far as the sender knows. */
export interface TrunkPlace {
  room: string;
  epoch: number;
  home: string;
  origin: string;
  /** As in `welcome`: of the origin, as far as the sender has heard it. */
  numbering?: string;
}

/** The sender wants the room from its peer, and gives it what it has below it. Answered with `pulling` or `refused`. */
export interface TrunkPull extends TrunkPlace {
  t: 'pull';
  /** The sender's number of this pull: an answer to an older one is nothing. */
  id: number;
  /** Of the room in the sender's bundles. */
  alias: number;
  livers: RoutedLiver[];
  people: number;
  viewers: number;
  /** The last comment that the sender has. */
  after?: number;
}

/** The pull holds. What follows keeps it up to date. */
export interface TrunkPulling extends Omit<TrunkPull, 't' | 'after'> {
  t: 'pulling';
  /** The way to the origin: relays from the sender on. Does not end in the origin: the sender has lost it. */
  path: string[];
}

/** The sender of `pull` takes media from now on. */
export interface TrunkReady {
  t: 'ready';
  room: string;
}

/** The place or the way to the origin has changed. */
export interface TrunkPath extends TrunkPlace {
  t: 'path';
  path: string[];
}

/** No pull, or one that ends here: the child looks for another parent. */
export interface TrunkRefused {
  t: 'refused';
  room: string;
  /** Of the pull; absent: whichever holds. */
  id?: number;
  code: string;
}

/** From an origin that is to go: the receiver is to come after it, and pulls the room before that. */
export interface TrunkInvite extends TrunkPlace {
  t: 'invite';
}

/** The child wants it no more. */
export interface TrunkUnpull {
  t: 'unpull';
  room: string;
}

/** A new liver, or one with other configs, or another way to it. */
export interface TrunkLiver extends RoutedLiver {
  t: 'liver';
  room: string;
}

/** It does not any more. */
export interface TrunkLeft {
  t: 'left';
  room: string;
  slot: number;
  gen: number;
  /** The liver has gone; absent: only the way to it has changed. */
  gone?: boolean;
}

/** To the relay that the liver is at: the slot is another's. */
export interface TrunkEvict {
  t: 'evict';
  room: string;
  slot: number;
  gen: number;
}

/** To the origin: answered with `answer` of the same `id`, hop by hop. */
export interface TrunkAskMessage {
  t: 'ask';
  room: string;
  /** The sender's, of this link. */
  id: number;
  ask: TrunkAsk;
  /** Of who publishes, comments or moderates. */
  sub: string;
  name?: string;
  /** Of a comment: filtered already. */
  text?: string;
  /** Of a comment: when it was written, ms since 1970. */
  at?: number;
  /** Of a comment that is shown on its way, as `early`. */
  key?: number;
  /** Of a moderation. */
  command?: TrunkCommand;
}

export interface TrunkAnswer {
  t: 'answer';
  room: string;
  id: number;
  /** Of the code table: refused. */
  code?: string;
  slot?: number;
  gen?: number;
  /** The comment's number. */
  n?: number;
}

/** A moderator's action, as in `moderate`. */
export interface TrunkCommand {
  action: string;
  sub?: string;
  n?: number;
  seconds?: number;
  reason?: string;
}

/** From the origin to everybody: carry it out. */
export interface TrunkAct {
  t: 'act';
  room: string;
  command: TrunkCommand;
  /** Who asked for it. */
  by: string;
}

/** From the origin down: what its comments streams carry, whole messages of docs/protocol.md section 4. */
export interface TrunkComments {
  t: 'comments';
  room: string;
  messages: Uint8Array;
}

/** To the origin: reactions to add up. */
export interface TrunkReacted {
  t: 'reacted';
  room: string;
  counts: Record<string, number>;
}

/** A gift that is durable, to all relays of the room: each checks its ticket itself and shows it at once. */
export interface TrunkGift {
  t: 'gift';
  room: string;
  ticket: string;
  sub: string;
  name?: string;
  /** ms since 1970. */
  at: number;
}

/** Who is in the room on the sender's side of the link. */
export interface TrunkCrowd {
  t: 'crowd';
  room: string;
  people: number;
  viewers: number;
}

/** The sender has this gift on its disk and cannot reach NATS: the peer is asked to keep it too. Answered with `kept`. */
export interface TrunkKeep {
  t: 'keep';
  /** The sender's, of this link. */
  id: number;
  /** Of the gift's ticket. */
  jti: string;
  room: string;
  sub: string;
  liver: string;
  item: string;
  amount: number;
  currency: string;
  reg: string;
  /** When it was claimed, ms since 1970. */
  at: number;
}

/** The gift of `keep` is on the sender's disk, or it is not known whether it is. */
export interface TrunkKept {
  t: 'kept';
  id: number;
  ok: boolean;
}

export type TrunkMessage =
  | TrunkHello
  | TrunkPing
  | TrunkPull
  | TrunkPulling
  | TrunkReady
  | TrunkPath
  | TrunkRefused
  | TrunkUnpull
  | TrunkInvite
  | TrunkLiver
  | TrunkLeft
  | TrunkEvict
  | TrunkAskMessage
  | TrunkAnswer
  | TrunkAct
  | TrunkComments
  | TrunkReacted
  | TrunkCrowd
  | TrunkGift
  | TrunkKeep
  | TrunkKept;
