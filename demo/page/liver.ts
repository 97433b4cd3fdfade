import { type Publisher, publish } from '@hayate/client';
import type { MotionFrame } from '@hayate/codec/motion';
import { Avatar } from '../avatar/avatar.ts';
import { CHANNEL_COUNT } from '../avatar/channels.ts';
import { commentsPanel } from './comments.ts';
import { byId, h, notify } from './dom.ts';
import { figureTable, percent } from './figures.ts';
import { type Microphone, openMicrophone } from './microphone.ts';
import { type PageProbe, report } from './probe.ts';
import { type PageSession, stateText } from './session.ts';
import {
  type MotionSource,
  newPerformer,
  parseRecording,
  performerSource,
  recordingSource,
  speakLoop,
} from './sources.ts';
import { startTicker } from './ticker.ts';
import { VoiceEncoder } from './voice-encoder.ts';

const TICK_MS = 4;
const PACKET_US = 20_000;

type FaceChoice = 'performer' | 'recording';
type VoiceChoice = 'performer' | 'microphone' | 'none';

/** One stretch of being live: from Start to Stop. */
class Broadcast {
  readonly shown = new Float32Array(CHANNEL_COUNT);
  readonly publisher: Publisher;
  readonly #session: PageSession;
  readonly #probe: PageProbe;
  readonly #face: MotionSource;
  readonly #speech: Float32Array<ArrayBuffer>[] | undefined;
  #encoder: VoiceEncoder | undefined;
  #microphone: Microphone | undefined;
  #stopTicker: () => void = () => {};
  #beganUs = 0;
  #lastUs = -1;
  #spoken = 0;

  constructor(
    session: PageSession,
    probe: PageProbe,
    face: MotionSource,
    speech: Float32Array<ArrayBuffer>[] | undefined,
    voiced: boolean,
  ) {
    this.#session = session;
    this.#probe = probe;
    this.#face = face;
    this.#speech = speech;
    this.publisher = publish(session.room, {
      motion: { fps: face.fps },
      ...(voiced ? { voice: { channels: 1 as const, frameMs: 20 } } : {}),
    });
    if (voiced) {
      this.#encoder = new VoiceEncoder(
        (packet, captureUs) => {
          if (this.publisher.voice(packet, captureUs)) probe.sent.voice += 1;
          const tookMs = (session.room.nowUs() - captureUs - PACKET_US) / 1000;
          probe.encodeMs += (tookMs - probe.encodeMs) * 0.1;
        },
        (error) => report(probe, error),
      );
    }
  }

  async start(microphone: boolean): Promise<void> {
    await this.publisher.ready;
    if (microphone) {
      this.#microphone = await openMicrophone((block, captureMs) => this.#encoder?.encode(block, captureMs * 1000));
    }
    this.#beganUs = this.#session.room.nowUs();
    this.#stopTicker = startTicker(TICK_MS, () => this.#tick());
  }

  #tick(): void {
    const tUs = this.#session.room.nowUs() - this.#beganUs;
    const due = this.#face.next(tUs, this.#lastUs);
    if (due) {
      this.#lastUs = due.tUs;
      this.#send(due.frame, this.#beganUs + due.tUs);
    }
    this.#speak(tUs);
  }

  #send(frame: MotionFrame, captureUs: number): void {
    if (frame.face) this.shown.set(frame.values.subarray(0, CHANNEL_COUNT));
    if (this.publisher.motion(frame, captureUs)) this.#probe.sent.motion += 1;
    this.#probe.framesShown += 1;
  }

  /** A block can be encoded once its last sample has been "heard". After a stall the past is skipped. */
  #speak(tUs: number): void {
    const speech = this.#speech;
    if (!speech || !this.#encoder) return;
    const whole = Math.floor(tUs / PACKET_US);
    this.#spoken = Math.max(this.#spoken, whole - 10);
    while (this.#spoken < whole) {
      this.#encoder.encode(speech[this.#spoken % speech.length]!, this.#beganUs + this.#spoken * PACKET_US);
      this.#spoken += 1;
    }
  }

  async stop(): Promise<void> {
    this.#stopTicker();
    this.#microphone?.close();
    this.#encoder?.close();
    await this.publisher.close();
  }
}

export function showLiver(session: PageSession, roomName: string, probe: PageProbe): void {
  const { room, transport } = session;
  const canvas = h('canvas', { role: 'img', 'aria-label': 'Preview of your avatar' });
  const avatar = new Avatar(canvas, 0);
  const figures = figureTable(['connection', 'sent', 'lost on the way up', 'lag to the relay']);
  const faceSelect = select({ performer: 'Procedural performer', recording: 'Recording (Live Link Face CSV)' });
  const voiceSelect = select({ performer: 'The performer’s voice', microphone: 'Microphone', none: 'No voice' });
  const fileInput = h('input', { type: 'file', accept: '.csv,text/csv', 'aria-label': 'Recording' });
  const drop = h('div', { class: 'drop', hidden: true }, 'Drop a Live Link Face CSV here, or choose one: ', fileInput);
  const button = h('button', { type: 'button' }, 'Go live');
  const invite = `${location.origin}/?room=${encodeURIComponent(roomName)}`;
  const link = h('a', { href: invite, target: '_blank', rel: 'noopener' }, invite);
  const copy = h('button', { type: 'button', class: 'quiet', onclick: () => void copyInvite() }, 'Copy');

  let recording: File | undefined;
  let broadcast: Broadcast | undefined;
  const rest = new Float32Array(CHANNEL_COUNT);

  async function copyInvite(): Promise<void> {
    await navigator.clipboard.writeText(invite);
    copy.textContent = 'Copied';
  }

  function takeFile(file: File | undefined): void {
    if (!file) return;
    recording = file;
    faceSelect.value = 'recording';
    drop.hidden = false;
    drop.firstChild!.textContent = `${file.name} `;
  }

  faceSelect.addEventListener('change', () => {
    drop.hidden = faceSelect.value !== 'recording';
  });
  fileInput.addEventListener('change', () => takeFile(fileInput.files?.[0]));
  document.body.addEventListener('dragover', (event) => {
    event.preventDefault();
    drop.hidden = false;
    drop.classList.add('over');
  });
  document.body.addEventListener('dragleave', () => drop.classList.remove('over'));
  document.body.addEventListener('drop', (event) => {
    event.preventDefault();
    drop.classList.remove('over');
    takeFile(event.dataTransfer?.files[0]);
  });

  async function begin(face: FaceChoice, voice: VoiceChoice): Promise<void> {
    const performer = newPerformer();
    if (face === 'recording' && !recording) throw new Error('choose a recording first');
    const source =
      face === 'recording' ? recordingSource(parseRecording(await recording!.text())) : performerSource(performer);
    const speech = voice === 'performer' ? await speakLoop(performer) : undefined;
    broadcast = new Broadcast(session, probe, source, speech, voice !== 'none');
    await broadcast.start(voice === 'microphone');
  }

  async function toggle(): Promise<void> {
    button.disabled = true;
    try {
      if (broadcast) {
        const running = broadcast;
        broadcast = undefined;
        await running.stop();
      } else {
        notify();
        await begin(faceSelect.value as FaceChoice, voiceSelect.value as VoiceChoice);
      }
    } catch (error) {
      report(probe, error);
      notify(error instanceof Error ? error.message : String(error));
      const failed = broadcast;
      broadcast = undefined;
      await failed?.stop();
    } finally {
      button.disabled = false;
      button.textContent = broadcast ? 'Stop' : 'Go live';
      for (const control of [faceSelect, voiceSelect, fileInput]) control.disabled = broadcast !== undefined;
    }
  }
  button.addEventListener('click', () => void toggle());

  byId('main').replaceChildren(
    h('section', { class: 'stage' }, h('figure', { class: 'liver', style: 'margin: 0' }, canvas)),
    h(
      'aside',
      {},
      h(
        'section',
        { class: 'card' },
        h('label', {}, 'Face', faceSelect),
        drop,
        h('label', {}, 'Voice', voiceSelect),
        button,
      ),
      h('section', { class: 'card' }, h('label', {}, 'Invite viewers'), link, ' ', copy),
      h('section', { class: 'card' }, figures.element),
      commentsPanel(room, probe),
    ),
  );

  const draw = (nowMs: number) => {
    requestAnimationFrame(draw);
    avatar.draw(broadcast?.shown ?? rest, nowMs, broadcast?.publisher.live ?? false);
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

function select(options: Record<string, string>): HTMLSelectElement {
  return h('select', {}, ...Object.entries(options).map(([value, label]) => h('option', { value }, label)));
}
