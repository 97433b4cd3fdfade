import { codeError, type Member } from '@hayate/codec/messages';
import type { Community } from '../community/index.ts';
import type { RoomMembers, RoomModeration, RoomOrder } from '../community/moderation.ts';
import { type RoomAction, SERVICE } from '../room/types.ts';
import type { RoomActions } from './actions.ts';
import { auditEntry, deleteComments } from './moderator.ts';
import type { HostedRoom, Rooms } from './rooms.ts';

export interface ServiceModerationOptions {
  rooms: Rooms;
  actions: RoomActions;
  community: Community;
  nowMs(): number;
  /** It was carried out here: to the room's other relays. */
  pass(hosted: HostedRoom, order: RoomOrder, by: string): void;
}

/** Moderation by the app's backend, in rooms that are open here. */
export class ServiceModeration implements RoomModeration {
  readonly #options: ServiceModerationOptions;

  constructor(options: ServiceModerationOptions) {
    this.#options = options;
  }

  members(name: string, after: string | undefined, limit: number): RoomMembers | undefined {
    const hosted = this.#options.rooms.get(name);
    if (!hosted) return undefined;
    const members = hosted.room.people(after, limit + 1);
    const page: Member[] = members.slice(0, limit);
    return { members: page, next: members.length > limit ? page.at(-1)?.sub : undefined };
  }

  async order(name: string, order: RoomOrder, by: string): Promise<void> {
    const { rooms, actions, community, nowMs } = this.#options;
    const hosted = rooms.get(name);
    if (!hosted) throw codeError('no_such_room', `there is no room ${name} here`);
    const decided = hosted.room.handle({ type: 'moderate', session: SERVICE, id: 0, command: order }, nowMs());
    for (const action of decided) {
      if (action.do === 'refuse' && action.session === SERVICE) throw codeError(action.code, action.message);
    }
    // What the edge would answer on a control stream is answered here.
    this.#delete(hosted, decided);
    actions.carryOut(
      hosted,
      decided.filter((action) => action.do !== 'deleteComments'),
    );
    this.#options.pass(hosted, order, by);
    await community.audit({ ...auditEntry(name, order), via: 'api', actor: by });
  }

  #delete(hosted: HostedRoom, decided: readonly RoomAction[]): void {
    const wanted = decided.find((action) => action.do === 'deleteComments');
    if (wanted && !deleteComments(hosted, wanted)) throw codeError('no_such_comment', 'no such comment is kept');
  }
}
