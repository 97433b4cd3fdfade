import { watch } from '@hayate/client';
import { commentsPanel } from './comments.ts';
import { byId, h } from './dom.ts';
import type { Painter } from './drawing/painter.ts';
import { figureTable, percent, totalsOf } from './figures.ts';
import { giftsPanel } from './gifts.ts';
import { PAGE_PLAYOUT } from './playout.ts';
import { type PageProbe, report } from './probe.ts';
import { type PageSession, stateText } from './session.ts';
import { Stage } from './stage.ts';

/** A viewer's page: the stage, and beside it gifts, figures, comments. */
export function showViewer({ room, transport }: PageSession, painter: Painter, probe: PageProbe): void {
  const watcher = watch(room, { playout: PAGE_PLAYOUT });
  const first = () => watcher.stats().slots.values().next().value;
  probe.playout = () => first()?.playout;
  probe.arrival = () => first()?.motion.lagMs;
  const stage = new Stage(room, watcher, painter, probe);
  const figures = figureTable(['connection', 'packets', 'loss', 'network', 'playout', 'sound']);
  const gifts = giftsPanel(room, probe);
  stage.element.append(gifts.effects);
  byId('main').replaceChildren(
    stage.element,
    h('aside', {}, gifts.panel, h('section', { class: 'card' }, figures.element), commentsPanel(room, probe)),
  );
  watcher.onFrame((unit) => stage.frame(unit));
  watcher.onVoice((unit) => stage.voiceUnit(unit));
  watcher.ready.catch((error: unknown) => report(probe, error));

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
