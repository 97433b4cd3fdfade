import { connectRoom, type HayateError, type Room, webGiftStorage } from '@hayate/client';
import { byId, h, notify, put, tell } from './dom.ts';
import { say, words } from './language/language.ts';
import { type PageProbe, report } from './probe.ts';
import { certificatePage, openDoor, type Role } from './relay-info.ts';
import { ending, explain } from './room/words.ts';

export interface Visit {
  room: string;
  role: Role;
  name: string;
  /** Of its tokens; undefined: as the relay likes. */
  ttlSeconds: number | undefined;
}

export interface PageSession {
  room: Room;
  transport: string;
}

/** Joins the room; keeps the probe and the page's foot line up to date. Rejects when the relay cannot be found at all. */
export async function joinRoom(visit: Visit, probe: PageProbe): Promise<PageSession> {
  const { room, role, name, ttlSeconds } = visit;
  put(
    byId('where'),
    say((w) => w.inRoom(room)),
  );
  const door = await openDoor(room, role, name, ttlSeconds);
  // As long as the tab, like who it is: a reload in the middle of a gift loses none.
  const storage = webGiftStorage(`hayate.gifts:${room}:${door.sub}`, sessionStorage);
  const { connector } = door;
  const options = { ...(connector && { connector }), giveUpMs: Number.POSITIVE_INFINITY, gifts: { storage } };
  const session = connectRoom(door.target, options);
  const transport = door.kind === 'webtransport' ? 'WebTransport' : 'WebSocket';
  probe.transport = door.kind;
  probe.state = session.state;
  let everOpen = false;
  session.on('state', ({ state, error }) => {
    probe.state = state;
    if (error) report(probe, error);
    if (state === 'open') {
      probe.sessions += 1;
      probe.transport = session.way === 'websocket' ? 'websocket' : door.kind;
      everOpen = true;
      notify();
      return;
    }
    if (state === 'closed') {
      probe.ended = error?.code;
      const again = h(
        'button',
        { type: 'button', onclick: () => location.reload() },
        say((w) => w.comeBack),
      );
      notify(ending(error?.code) ?? say((w) => w.roomEnded(error?.message ?? w.state.closed)), ' ', again);
    } else if (!everOpen && door.kind === 'websocket' && error) {
      notify(
        say((w) => w.selfMade.before),
        h('a', { href: certificatePage(door.target), target: '_blank', rel: 'noopener' }, certificatePage(door.target)),
        say((w) => w.selfMade.after),
      );
    } else if (error) {
      notify(say((w) => w.noConnection(error.message)));
    }
  });
  let expiresAtMs = 0;
  session.on('access', (access) => {
    // A session's first one comes with it.
    if (probe.state === 'open' && access.expiresAtMs > expiresAtMs) probe.refreshed += 1;
    expiresAtMs = access.expiresAtMs;
  });
  session.on('warning', (error: HayateError) => {
    report(probe, error);
    tell(explain(error));
  });
  return { room: session, transport };
}

/** In the page's language of now. */
export function stateText(state: string): string {
  const { state: known } = words();
  return Object.hasOwn(known, state) ? known[state as keyof typeof known] : state;
}
