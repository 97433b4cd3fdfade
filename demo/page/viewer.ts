import { watch } from '@hayate/client';
import type { Painter } from './drawing/painter.ts';
import { engineerToggle } from './engineer/toggle.ts';
import { figureTable, percent, totalsOf } from './figures.ts';
import { PAGE_PLAYOUT } from './playout.ts';
import { type PageProbe, report } from './probe.ts';
import { showRoom } from './room/panels.ts';
import { SpeakControl } from './room/speak.ts';
import { type PageSession, stateText } from './session.ts';
import { Stage } from './stage.ts';

/** A viewer's or moderator's page: the stage, and beside it comments, people, figures. */
export function showViewer(session: PageSession, _roomName: string, painter: Painter, probe: PageProbe): void {
  const { room, transport } = session;
  const watcher = watch(room, { playout: PAGE_PLAYOUT });
  const first = () => watcher.stats().slots.values().next().value;
  probe.playout = () => first()?.playout;
  probe.arrival = () => first()?.motion.lagMs;
  const stage = new Stage(room, watcher, painter, probe);
  const figures = figureTable(['connection', 'packets', 'loss', 'network', 'playout', 'sound']);
  const speak = new SpeakControl(session, probe, (face) => stage.setOwn(face));
  showRoom(session, stage, probe, { bar: [speak.element], figures: figures.element, gives: true });
  watcher.onFrame((unit) => stage.frame(unit));
  watcher.onVoice((unit) => stage.voiceUnit(unit));
  watcher.ready.catch((error: unknown) => report(probe, error));
  engineerToggle(watcher, probe);

  let before = { received: 0, lost: 0 };
  let beforeMs = performance.now();
  setInterval(() => {
    const stats = watcher.stats();
    const totals = totalsOf(stats);
    const nowMs = performance.now();
    const rate = ((totals.received - before.received) * 1000) / (nowMs - beforeMs);
    before = totals;
    beforeMs = nowMs;
    const first = stats.slots.values().next().value;
    figures.set('connection', `${stateText(room.state)}, ${transport}`);
    figures.set('packets', `${Math.max(0, Math.round(rate))}/s`);
    figures.set('loss', percent(totals.lost, totals.received + totals.lost));
    figures.set(
      'network',
      first ? `p50 ${first.motion.lagMs.p50.toFixed(1)}, p99 ${first.motion.lagMs.p99.toFixed(1)} ms` : '–',
    );
    figures.set('playout', stage.delayText());
    figures.set('sound', stage.soundText());
  }, 1000);
}
