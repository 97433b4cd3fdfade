import type { ClientMessage } from '@hayate/codec/messages';
import type { RoomEvent, SessionKey } from '../room/types.ts';

/** What a request on the control stream asks of the room. Undefined: it has no place there, or is not for the room. */
export function roomEventOf(session: SessionKey, message: ClientMessage): RoomEvent | undefined {
  switch (message.t) {
    case 'publish': {
      const { t: _, ...publish } = message;
      return { type: 'publish', session, ...publish };
    }
    case 'unpublish':
    case 'watch':
    case 'unwatch':
      return { type: message.t, session, id: message.id };
    case 'presence':
      return { type: 'presence', session, id: message.id, on: message.on };
    case 'speak':
      return { type: 'speak', session, id: message.id, want: message.want };
    case 'moderate': {
      const { t: _, id, ...command } = message;
      return { type: 'moderate', session, id, command };
    }
    default:
      return undefined;
  }
}
