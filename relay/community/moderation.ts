import type { Member, Moderate } from '@hayate/codec/messages';

/** What `moderate` asks for, of the service API: it spares nobody for their roles. */
export type RoomOrder = Omit<Moderate, 't' | 'id'>;

export interface RoomMembers {
  /** Each `sub` once, in the order of their coming. */
  members: Member[];
  /** `sub` of the last one, to go on from; undefined: that was the last page. */
  next?: string | undefined;
}

/** The rooms of a relay, as the service API needs them. */
export interface RoomModeration {
  /** At most `limit`, after this `sub`. Undefined when there is no such room. */
  members(room: string, after: string | undefined, limit: number): RoomMembers | undefined;
  /**
   * Resolves when it holds and has its line in the audit log, `via` `api`. `ban` and `unban` are not asked for: they are of
   * rooms that are not open too.
   * @throws HayateError `no_such_room`, `no_such_member`, `no_such_comment`
   */
  order(room: string, order: RoomOrder, by: string): Promise<void>;
}
