// In the browser: the SDK with a token that nobody renews, which the demo page never has.
import { connectRoom, type RelayTarget } from '@hayate/client';

interface TokenPage {
  /** Resolves with `open`, or with the code that the room ended with before. */
  enter(target: RelayTarget): Promise<string>;
  /** Of the room entered last; undefined while it lives. */
  ended: string | undefined;
}

const page: TokenPage = {
  ended: undefined,
  async enter(target) {
    page.ended = undefined;
    const room = connectRoom(target);
    const closed = room.closed.then(({ code }) => {
      page.ended = code;
      return code;
    });
    return Promise.race([room.ready.then(() => 'open').catch(() => closed), closed]);
  },
};
Object.assign(globalThis, { page });
