import type { HayateError } from '@hayate/codec/errors';
import { codeError, type Moderate } from '@hayate/codec/messages';
import type { RoomModeration } from './types.ts';

const MAX_REASON_CHARS = 200;

type Action = Omit<Moderate, 't' | 'id'>;

/** Checks arguments and names actions; `send` settles by the relay's answer. */
export function moderation(send: (action: Action) => Promise<unknown>): RoomModeration {
  const act = async (action: Action): Promise<void> => {
    checkAction(action);
    await send(action);
  };
  return {
    mute: (sub, term) => act({ action: 'mute', sub, ...term }),
    unmute: (sub) => act({ action: 'unmute', sub }),
    kick: (sub, reason) => act({ action: 'kick', sub, ...reason }),
    ban: (sub, term) => act({ action: 'ban', sub, ...term }),
    unban: (sub) => act({ action: 'unban', sub }),
    slow: (seconds) => act({ action: 'slow', seconds }),
    deleteComment: (n) => act({ action: 'delete', n }),
    deleteCommentsOf: (sub) => act({ action: 'delete', sub }),
    grant: (sub) => act({ action: 'grant', sub }),
    deny: (sub) => act({ action: 'deny', sub }),
    unseat: (sub) => act({ action: 'unseat', sub }),
    handOver: (sub) => act({ action: 'host', sub }),
    close: () =>
      act({ action: 'close' }).catch((error: HayateError) => {
        // The session may end before the answer comes: it is what was asked for.
        if (error.code !== 'room_closed') throw error;
      }),
  };
}

/** Throws `invalid_argument`: the relay would take a malformed message for a client's bug and end the session. */
function checkAction({ action, sub, n, seconds, reason }: Action): void {
  const refuse = (text: string): never => {
    throw codeError('invalid_argument', `${action}: ${text}`);
  };
  if (sub !== undefined && (typeof sub !== 'string' || sub === '')) refuse('no subject');
  if (n !== undefined && !(Number.isSafeInteger(n) && n >= 0)) refuse(`${n} is no number of a comment`);
  const least = action === 'slow' ? 0 : 1;
  if (seconds !== undefined && !(Number.isInteger(seconds) && seconds >= least && seconds <= 0xffffffff)) {
    refuse(`${seconds} is no whole number of seconds from ${least}`);
  }
  if (reason !== undefined && reason.length > MAX_REASON_CHARS)
    refuse(`a reason has at most ${MAX_REASON_CHARS} characters`);
}
