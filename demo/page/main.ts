import { byId, h, notify } from './dom.ts';
import { choosePainter } from './drawing/choose.ts';
import { showLiver } from './liver.ts';
import { createProbe, report } from './probe.ts';
import { joinRoom } from './session.ts';
import { showViewer } from './viewer.ts';

const query = new URLSearchParams(location.search);
const roomName = query.get('room') || 'demo';
const asked = query.get('role');
const role = asked === 'liver' || asked === 'moderator' ? asked : 'viewer';
const ttlSeconds = Number(query.get('ttl')) || undefined;
const name = query.get('name') || (role === 'liver' ? 'Hayate' : `guest ${1000 + Math.floor(Math.random() * 9000)}`);

const probe = createProbe(role);
addEventListener('error', (event) => report(probe, event.error ?? event.message));
addEventListener('unhandledrejection', (event) => report(probe, event.reason));

const other = role === 'liver' ? 'viewer' : 'liver';
const otherLink = `/?room=${encodeURIComponent(roomName)}&role=${other}`;
byId('nav').replaceChildren(h('a', { href: otherLink }, other === 'liver' ? 'Go live yourself' : 'Watch the room'));

async function start(): Promise<void> {
  try {
    const drawing = query.get('draw') === 'page' ? 'page' : 'best';
    const [session, painter] = await Promise.all([
      joinRoom({ room: roomName, role, name, ttlSeconds }, probe),
      choosePainter(drawing, (error) => report(probe, error)),
    ]);
    probe.drawing = () => ({ where: painter.where, ...painter.figures });
    if (role === 'liver') showLiver(session, roomName, painter, probe);
    else showViewer(session, painter, probe);
  } catch (error) {
    probe.state = 'failed';
    report(probe, error);
    notify(
      error instanceof Error ? error.message : String(error),
      ' ',
      h('button', { type: 'button', onclick: () => location.reload() }, 'Try again'),
    );
  }
}

void start();
