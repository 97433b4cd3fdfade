// In the browser: a viewer by the SDK that gives as well, and tells what became of both.
import { type RelayTarget, watch } from '@hayate/client';
import type { MemberFigures } from './member.ts';
import { Pauses } from './pauses.ts';

const pauses = new Pauses();
const page = {
  sessions: 0,
  resumedMs: 0,
  acked: [] as string[],
  refused: [] as string[],
  lostMs: Number.NaN,
  give: (_ticket: string, _jti: string) => {},
  join(target: RelayTarget) {
    const watcher = watch(target, { gifts: { after: 0 }, giveUpMs: 60_000 });
    const { room } = watcher;
    room.on('state', ({ state }) => {
      if (state === 'reconnecting') page.lostMs = performance.now();
      if (state !== 'open') return;
      page.sessions += 1;
      if (!Number.isNaN(page.lostMs)) page.resumedMs = Math.max(page.resumedMs, performance.now() - page.lostMs);
    });
    watcher.onFrame(({ receivedMs }) => pauses.took(0, receivedMs));
    watcher.onVoice(({ receivedMs }) => pauses.took(1, receivedMs));
    page.give = (ticket, jti) => {
      room.gift(ticket, { timeoutMs: 20_000 }).then(
        () => page.acked.push(jti),
        (error: unknown) => page.refused.push(`${jti}: ${error}`),
      );
    };
  },
  begin: () => pauses.begin(),
  units: () => pauses.count,
  figures(): MemberFigures {
    const { sessions, acked, refused } = page;
    return { frozenMs: pauses.longestMs(performance.now()), units: pauses.count, sessions, acked, refused };
  },
};
Object.assign(globalThis, { page });
