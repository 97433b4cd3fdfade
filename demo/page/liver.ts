import { watch } from '@hayate/client';
import { CHANNEL_COUNT } from '../avatar/channels.ts';
import { Broadcast } from './broadcast.ts';
import { h, notify } from './dom.ts';
import type { Painter } from './drawing/painter.ts';
import { engineerToggle } from './engineer/toggle.ts';
import { figureTable, percent } from './figures.ts';
import { type LiveChoice, liveControls } from './live-controls.ts';
import { PAGE_PLAYOUT } from './playout.ts';
import { type PageProbe, report } from './probe.ts';
import { showRoom } from './room/panels.ts';
import { type PageSession, stateText } from './session.ts';
import { newPerformer, parseRecording, performerSource, recordingSource, speakLoop } from './sources.ts';
import { Stage } from './stage.ts';

/** A liver's page: the own face and those of guests, and beside it controls, comments, people, figures. */
export function showLiver(session: PageSession, roomName: string, painter: Painter, probe: PageProbe): void {
  const { room, transport } = session;
  const watcher = watch(room, { playout: PAGE_PLAYOUT });
  const stage = new Stage(room, watcher, painter, probe);
  const figures = figureTable(['connection', 'sent', 'lost on the way up', 'lag to the relay']);
  const controls = liveControls(() => void toggle());
  const rest = new Float32Array(CHANNEL_COUNT);
  let broadcast: Broadcast | undefined;
  const mirror = () => {
    const now = broadcast;
    stage.setOwn({ values: now?.shown ?? rest, awake: () => now?.publisher.live ?? false });
  };

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
        tabs.show('chat');
      }
    } catch (error) {
      report(probe, error);
      notify(error instanceof Error ? error.message : String(error));
      const failed = broadcast;
      broadcast = undefined;
      await failed?.stop();
    } finally {
      controls.show(broadcast ? 'live' : 'idle');
      tabs.note('live', '', broadcast ? ['on', ''] : undefined);
      mirror();
    }
  }

  const live = h('div', { class: 'broadcast' }, controls.panel, invitePanel(roomName));
  const before = [{ id: 'live', label: 'Live', panel: live }];
  const tabs = showRoom(session, stage, probe, { before, figures: figures.element, gives: false });
  mirror();
  watcher.onFrame((unit) => stage.frame(unit));
  watcher.onVoice((unit) => stage.voiceUnit(unit));
  watcher.ready.catch((error: unknown) => report(probe, error));
  engineerToggle(watcher, probe);

  let sentBefore = 0;
  setInterval(() => {
    const stats = broadcast?.publisher.stats();
    const sent = (stats?.motionUnits ?? 0) + (stats?.voiceUnits ?? 0);
    const uplink = stats?.uplink;
    figures.set('connection', `${stateText(room.state)}, ${transport}`);
    figures.set('sent', stats ? `${Math.max(0, sent - sentBefore)}/s` : '–');
    figures.set('lost on the way up', uplink ? percent(uplink.lost, uplink.received + uplink.lost) : '–');
    figures.set(
      'lag to the relay',
      uplink ? `${uplink.lagMs.p50.toFixed(1)} ± ${uplink.uncertaintyMs.toFixed(1)} ms` : '–',
    );
    if (uplink) {
      probe.lagMs = uplink.lagMs.p50;
      probe.uncertaintyMs = uplink.uncertaintyMs;
    }
    sentBefore = sent;
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
  return h('section', { class: 'invite' }, h('h2', {}, 'Invite viewers'), link, ' ', copy);
}
