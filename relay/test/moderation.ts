import { codeError, type Member } from '@hayate/codec/messages';
import type { RoomMembers, RoomModeration, RoomOrder } from '../community/moderation.ts';

/** Rooms that only note what is asked of them. */
export class FakeModeration implements RoomModeration {
  readonly rooms = new Map<string, Member[]>();
  readonly orders: [string, RoomOrder, string][] = [];

  members(room: string, after: string | undefined, limit: number): RoomMembers | undefined {
    const all = this.rooms.get(room);
    if (!all) return undefined;
    const from = after === undefined ? 0 : all.findIndex(({ sub }) => sub === after) + 1;
    const members = all.slice(from, from + limit);
    return { members, ...(from + limit < all.length && { next: members.at(-1)!.sub }) };
  }

  async order(room: string, order: RoomOrder, by: string): Promise<void> {
    const members = this.rooms.get(room);
    if (!members) throw codeError('no_such_room', 'no such room');
    if (order.n === 404) throw codeError('no_such_comment', 'no such comment');
    if (order.action === 'kick' && !members.some(({ sub }) => sub === order.sub)) {
      throw codeError('no_such_member', 'nobody of that sub');
    }
    this.orders.push([room, order, by]);
  }
}
