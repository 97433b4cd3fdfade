import type { Code, Liver, TrunkAnswer, TrunkAsk, TrunkCommand, TrunkMessage } from '@hayate/codec/messages';

/** Name of a relay, as in its certificate. */
export type RelayId = string;

/** Where a room stands, by the directory. */
export interface Place {
  home: string;
  origin: RelayId;
  epoch: number;
  closed?: boolean;
}

/** What is asked of a room's origin. */
export interface Ask {
  ask: TrunkAsk;
  sub: string;
  name?: string;
  text?: string;
  /** Of a comment: when it was written, ms since 1970. */
  at?: number;
  /** Of a comment that is shown on its way. */
  key?: number;
  command?: TrunkCommand;
}

/** The origin's answer. */
export type Answer = Omit<TrunkAnswer, 't' | 'room' | 'id' | 'code'> & { code?: Code };

/** Whom an answer goes to: somebody here by the caller's number, or a child's ask. */
export type Asker = { local: number } | { peer: RelayId; id: number };

/** A room's part of the trunk's messages. */
export type RoomMessage = Exclude<Extract<TrunkMessage, { room: string }>, { t: 'keep' }>;

/** A durable gift, as it is told from relay to relay. */
export type ToldGift = Omit<Extract<TrunkMessage, { t: 'gift' }>, 't' | 'room'>;

export type BranchEvent =
  /** The directory, or a relay that has it from there, says where the room stands. */
  | { type: 'placed'; place: Place }
  /** Whether somebody is in the room at this relay. */
  | { type: 'wanted'; wanted: boolean }
  | { type: 'link'; peer: RelayId; up: boolean }
  | { type: 'message'; peer: RelayId; message: RoomMessage }
  /** A liver of this relay came, or changed. */
  | { type: 'liver'; liver: Liver }
  | { type: 'left'; slot: number; gen: number }
  /** A session of this relay is about to publish there: what comes from elsewhere on it is over. */
  | { type: 'reserved'; slot: number }
  /** Whoever had it reserved publishes no more; it may never have been announced. */
  | { type: 'unreserved'; slot: number }
  /** As the origin: a liver elsewhere must not have its slot. */
  | { type: 'evict'; slot: number; gen: number }
  | { type: 'ask'; key: number; ask: Ask }
  /** The origin here has carried out what was asked. */
  | { type: 'served'; asker: Asker; answer: Answer }
  /** People and watching sessions of this relay. */
  | { type: 'crowd'; people: number; viewers: number }
  /** Reactions of this relay's sessions. */
  | { type: 'reacted'; counts: Record<string, number> }
  /** A moderator's action that the origin here has carried out. */
  | { type: 'act'; command: TrunkCommand; by: string }
  /** A gift that this relay took is durable. */
  | { type: 'gift'; gift: ToldGift }
  /** A claim came to nothing: somebody else was first, or the directory does not answer. */
  | { type: 'unclaimed' }
  | { type: 'draining' }
  | { type: 'tick' };

export type BranchAction =
  | { do: 'send'; peer: RelayId; message: RoomMessage }
  /** A link to this relay is wanted; `link` events follow. */
  | { do: 'dial'; peer: RelayId }
  | { do: 'lookup' }
  /** Compare-and-set in the directory; `placed` or `unclaimed` follows. */
  | { do: 'claim'; epoch: number; origin: RelayId }
  /** The peer is a neighbour in the tree from now on. `alias`: the peer's, of this room. */
  | { do: 'attach'; peer: RelayId; alias: number }
  /** The peer takes media now: it gets the units since each slot's last key again. */
  | { do: 'replay'; peer: RelayId }
  | { do: 'detach'; peer: RelayId }
  /** Masks of slots: `to` is what the peer gets from here, `from` what it may feed. */
  | { do: 'media'; peer: RelayId; to: number; from: number }
  /** A child hears the room's comments after this one. */
  | { do: 'subscribe'; peer: RelayId; after: number | undefined }
  | { do: 'liver'; liver: Liver }
  /** `gone`: for good; else it may come again within a moment. */
  | { do: 'left'; slot: number; gen: number; gone: boolean }
  /** A liver of this relay has lost its slot to somebody else. */
  | { do: 'evict'; slot: number; gen: number }
  /** This relay is the origin, or is not any more. */
  | { do: 'authority'; here: boolean }
  /** As the origin: carry it out, and answer with `served`. */
  | { do: 'serve'; asker: Asker; ask: Ask }
  | { do: 'settle'; key: number; answer: Answer }
  | { do: 'act'; command: TrunkCommand; by: string }
  | { do: 'comments'; messages: Uint8Array }
  /** A comment is on its way to the origin: it may be shown. */
  | { do: 'early'; key: number; ask: Ask }
  /** It gets no number from there. */
  | { do: 'retract'; key: number }
  | { do: 'reacted'; counts: Record<string, number> }
  /** Of another relay: to be checked and shown. */
  | { do: 'gift'; gift: ToldGift }
  /** At all other relays together. */
  | { do: 'crowd'; people: number; viewers: number };

export interface BranchOptions {
  room: string;
  self: { id: RelayId; region: string };
  /** Of the room in this relay's bundles. */
  alias: number;
  /** See `UpstreamOptions`. */
  first(region: string, except: ReadonlySet<RelayId>): RelayId | undefined;
  /** Whether a relay that cannot reach this origin may think that it is gone: who reaches nobody is cut off itself. */
  mayClaim(origin: RelayId): boolean;
  /** Whether there is a link to it. */
  linked(peer: RelayId): boolean;
  /** The last comment that this relay has. */
  lastComment(): number;
  random(): number;
}
