import { byId, h, notify, put } from './dom.ts';
import { choosePainter } from './drawing/choose.ts';
import { followSurroundings } from './drawing/surroundings.ts';
import { say, words } from './language/language.ts';
import { setText } from './language/live-text.ts';
import { languageButton, startLanguage } from './language/switch.ts';
import { createProbe, report } from './probe.ts';
import { joinRoom } from './session.ts';
import { showViewer } from './viewer.ts';

startLanguage();
const query = new URLSearchParams(location.search);
const roomName = query.get('room') || 'demo';
const asked = query.get('role');
const role = asked === 'liver' || asked === 'moderator' ? asked : 'viewer';
const ttlSeconds = Number(query.get('ttl')) || undefined;
const name =
  query.get('name') || (role === 'liver' ? 'Hayate' : words().guestName(1000 + Math.floor(Math.random() * 9000)));

const probe = createProbe(role);
addEventListener('error', (event) => report(probe, event.error ?? event.message));
addEventListener('unhandledrejection', (event) => report(probe, event.reason));

const other = role === 'liver' ? 'viewer' : 'liver';
const otherLink = `/?room=${encodeURIComponent(roomName)}&role=${other}`;
const otherText = say((w) => (other === 'liver' ? w.goLiveYourself : w.watchTheRoom));
setText(
  byId('menu'),
  'aria-label',
  say((w) => w.menuOfPage),
);
put(byId('nav'), h('a', { href: otherLink }, otherText), languageButton());

async function start(): Promise<void> {
  try {
    const drawing = query.get('draw') === 'page' ? 'page' : 'best';
    const [session, painter, show] = await Promise.all([
      joinRoom({ room: roomName, role, name, ttlSeconds }, probe),
      choosePainter(drawing, (error) => report(probe, error)),
      role === 'liver' ? import('./liver.ts').then(({ showLiver }) => showLiver) : showViewer,
    ]);
    followSurroundings((surroundings) => painter.light(surroundings));
    probe.drawing = () => ({ where: painter.where, ...painter.figures });
    show(session, roomName, painter, probe);
  } catch (error) {
    probe.state = 'failed';
    report(probe, error);
    notify(
      error instanceof Error ? error.message : String(error),
      ' ',
      h(
        'button',
        { type: 'button', onclick: () => location.reload() },
        say((w) => w.tryAgain),
      ),
    );
  }
}

void start();
