import { watch } from '@hayate/client';
import { CHANNEL_COUNT } from '../avatar/channels.ts';
import { Broadcast } from './broadcast.ts';
import { h, notify } from './dom.ts';
import type { Painter } from './drawing/painter.ts';
import { engineerToggle } from './engineer/toggle.ts';
import { FaceChoice } from './face-choice.ts';
import { figureTable, percent } from './figures.ts';
import { invitePanel } from './invite.ts';
import { type LiveChoice, liveControls } from './live-controls.ts';
import { liveWords, told } from './live-words.ts';
import { PAGE_PLAYOUT } from './playout.ts';
import { type PageProbe, report } from './probe.ts';
import { showRoom } from './room/panels.ts';
import { infoOf } from './scene-info.ts';
import { type PageSession, stateText } from './session.ts';
import { newPerformer, parseRecording, performerSource, recordingSource, speakLoop } from './sources.ts';
import { Stage } from './stage.ts';

/** A liver's page: the own face and those of guests, and beside it controls, comments, people, figures. */
export function showLiver(session: PageSession, roomName: string, painter: Painter, probe: PageProbe): void {
  const { room, transport } = session;
  const watcher = watch(room, { playout: PAGE_PLAYOUT });
  const stage = new Stage(room, watcher, painter, probe);
  const figures = figureTable(['connection', 'sent', 'lostUp', 'lagUp', 'camera']);
  const controls = liveControls(
    () => void toggle(),
    // What it says of a failure is on the page already.
    (choice) => void faces.choose(choice).catch(() => {}),
    () => {
      broadcast?.publisher.setInfo(infoOf(controls.choice().scene));
      mirror();
    },
  );
  const faces = new FaceChoice(controls, probe, new URLSearchParams(location.search).get('model') ?? undefined);
  const rest = new Float32Array(CHANNEL_COUNT);
  let broadcast: Broadcast | undefined;
  const mirror = () => {
    const now = broadcast;
    stage.setOwn({
      values: now?.shown ?? rest,
      awake: () => now?.publisher.live ?? false,
      scene: controls.choice().scene,
    });
  };

  async function begin(choice: LiveChoice): Promise<void> {
    const { face, voice, recording, scene } = choice;
    const performer = newPerformer();
    if (face === 'recording' && !recording) throw new Error(liveWords().chooseFirst);
    const camera = await faces.choose(choice);
    const source =
      camera ??
      (face === 'recording' ? recordingSource(parseRecording(await recording!.text())) : performerSource(performer));
    const speech = voice === 'performer' ? await speakLoop(performer) : undefined;
    broadcast = new Broadcast(session, probe, source, speech, voice !== 'none', infoOf(scene));
    broadcast.onLevel = (level) => controls.level(level);
    await broadcast.start(voice === 'microphone').catch((error: unknown) => {
      const { name, message } = error as Error;
      throw name.endsWith('Error') && voice === 'microphone' && broadcast?.publisher.live
        ? new Error(liveWords().noMicrophone(message), { cause: error })
        : error;
    });
  }

  async function toggle(): Promise<void> {
    controls.show('changing');
    try {
      if (broadcast) {
        const running = broadcast;
        broadcast = undefined;
        await running.stop();
        controls.level(undefined);
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
  const before = [{ id: 'live', label: told((w) => w.live), panel: live }];
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
    figures.set('lostUp', uplink ? percent(uplink.lost, uplink.received + uplink.lost) : '–');
    figures.set('lagUp', uplink ? `${uplink.lagMs.p50.toFixed(1)} ± ${uplink.uncertaintyMs.toFixed(1)} ms` : '–');
    figures.set('camera', faces.figureText());
    if (uplink) {
      probe.lagMs = uplink.lagMs.p50;
      probe.uncertaintyMs = uplink.uncertaintyMs;
    }
    sentBefore = sent;
  }, 1000);
}
