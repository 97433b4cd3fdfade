import { CHANNEL_COUNT } from '../avatar/channels.ts';
import { Broadcast } from './broadcast.ts';
import { commentsPanel } from './comments.ts';
import { byId, h, notify } from './dom.ts';
import type { Painter } from './drawing/painter.ts';
import { figureTable, percent } from './figures.ts';
import { type LiveChoice, liveControls } from './live-controls.ts';
import { type PageProbe, report } from './probe.ts';
import { type PageSession, stateText } from './session.ts';
import { newPerformer, parseRecording, performerSource, recordingSource, speakLoop } from './sources.ts';

/** A liver's page: the preview, and beside it controls, the link for viewers, figures, comments. */
export function showLiver(session: PageSession, roomName: string, painter: Painter, probe: PageProbe): void {
  const { room, transport } = session;
  const portrait = painter.portrait(0, 'Preview of your avatar');
  const figures = figureTable(['connection', 'sent', 'lost on the way up', 'lag to the relay']);
  const controls = liveControls(() => void toggle());
  const rest = new Float32Array(CHANNEL_COUNT);
  let broadcast: Broadcast | undefined;

  async function begin({ face, voice, recording }: LiveChoice): Promise<void> {
    const performer = newPerformer();
    if (face === 'recording' && !recording) throw new Error('choose a recording first');
    const source =
      face === 'recording' ? recordingSource(parseRecording(await recording!.text())) : performerSource(performer);
    const speech = voice === 'performer' ? await speakLoop(performer) : undefined;
    broadcast = new Broadcast(session, probe, source, speech, voice !== 'none');
    await broadcast.start(voice === 'microphone');
  }

  async function toggle(): Promise<void> {
    controls.show('changing');
    try {
      if (broadcast) {
        const running = broadcast;
        broadcast = undefined;
        await running.stop();
      } else {
        notify();
        await begin(controls.choice());
      }
    } catch (error) {
      report(probe, error);
      notify(error instanceof Error ? error.message : String(error));
      const failed = broadcast;
      broadcast = undefined;
      await failed?.stop();
    } finally {
      controls.show(broadcast ? 'live' : 'idle');
    }
  }

  byId('main').replaceChildren(
    h('section', { class: 'stage' }, h('figure', { class: 'liver', style: 'margin: 0' }, portrait.canvas)),
    h(
      'aside',
      {},
      controls.panel,
      invitePanel(roomName),
      h('section', { class: 'card' }, figures.element),
      commentsPanel(room, probe),
    ),
  );

  const draw = (nowMs: number) => {
    requestAnimationFrame(draw);
    portrait.pose(broadcast?.shown ?? rest, broadcast?.publisher.live ?? false);
    painter.flush(nowMs);
  };
  requestAnimationFrame(draw);

  let before = 0;
  setInterval(() => {
    const stats = broadcast?.publisher.stats();
    const sent = (stats?.motionUnits ?? 0) + (stats?.voiceUnits ?? 0);
    const uplink = stats?.uplink;
    figures.set('connection', `${stateText(room.state)}, ${transport}`);
    figures.set('sent', stats ? `${Math.max(0, sent - before)}/s` : '–');
    figures.set('lost on the way up', uplink ? percent(uplink.lost, uplink.received + uplink.lost) : '–');
    figures.set(
      'lag to the relay',
      uplink ? `${uplink.lagMs.p50.toFixed(1)} ± ${uplink.uncertaintyMs.toFixed(1)} ms` : '–',
    );
    if (uplink) {
      probe.lagMs = uplink.lagMs.p50;
      probe.uncertaintyMs = uplink.uncertaintyMs;
    }
    if (broadcast?.publisher.slot !== undefined) probe.slots = [broadcast.publisher.slot];
    before = sent;
  }, 1000);
}

function invitePanel(roomName: string): HTMLElement {
  const invite = `${location.origin}/?room=${encodeURIComponent(roomName)}`;
  const copy = h('button', { type: 'button', class: 'quiet', onclick: () => void copyInvite() }, 'Copy');
  const copyInvite = async () => {
    await navigator.clipboard.writeText(invite);
    copy.textContent = 'Copied';
  };
  const link = h('a', { href: invite, target: '_blank', rel: 'noopener' }, invite);
  return h('section', { class: 'card' }, h('label', {}, 'Invite viewers'), link, ' ', copy);
}
