import { connectRoom, type HayateError, type Room, webGiftStorage } from '@hayate/client';
import { byId, h, notify } from './dom.ts';
import { type PageProbe, report } from './probe.ts';
import { certificatePage, openDoor, type Role } from './relay-info.ts';

const STATES: Readonly<Record<string, string>> = {
  connecting: 'connecting …',
  open: 'connected',
  reconnecting: 'reconnecting …',
  closed: 'closed',
};

export interface PageSession {
  room: Room;
  transport: string;
}

/** Joins the room; keeps the probe and the page's foot line up to date. Rejects when the relay cannot be found at all. */
export async function joinRoom(room: string, role: Role, name: string, probe: PageProbe): Promise<PageSession> {
  byId('where').textContent = `room ${room}`;
  const door = await openDoor(room, role, name);
  // As long as the tab, like who it is: a reload in the middle of a gift loses none.
  const storage = webGiftStorage(`hayate.gifts:${room}:${door.sub}`, sessionStorage);
  const options = { connector: door.connector, giveUpMs: Number.POSITIVE_INFINITY, gifts: { storage } };
  const session = connectRoom(door.target, options);
  const transport = door.kind === 'webtransport' ? 'WebTransport' : 'WebSocket';
  probe.transport = door.kind;
  probe.state = session.state;
  let everOpen = false;
  session.on('state', ({ state, error }) => {
    probe.state = state;
    if (error) report(probe, error);
    if (state === 'open') {
      everOpen = true;
      notify();
      return;
    }
    if (state === 'closed') {
      notify(`The room ended: ${error?.message ?? 'closed'}`);
    } else if (!everOpen && door.kind === 'websocket' && error) {
      notify(
        'This relay has a self-made certificate. Open ',
        h('a', { href: certificatePage(door.target), target: '_blank', rel: 'noopener' }, certificatePage(door.target)),
        ' once, accept it there (what that page says does not matter), then come back.',
      );
    } else if (error) {
      notify(`No connection (${error.message}). Trying again …`);
    }
  });
  session.on('warning', (error: HayateError) => {
    report(probe, error);
    notify(error.message);
    setTimeout(() => notify(), 4000);
  });
  return { room: session, transport };
}

export function stateText(state: string): string {
  return STATES[state] ?? state;
}
