import { type Liver, type Room, type WatchedFrame, type WatchedVoice, type Watcher, watch } from '@hayate/client';
import { Avatar } from '../avatar/avatar.ts';
import { commentsPanel } from './comments.ts';
import { byId, h } from './dom.ts';
import { figureTable, percent, totalsOf } from './figures.ts';
import { giftsPanel } from './gifts.ts';
import { PAGE_PLAYOUT } from './playout.ts';
import { type PageProbe, report } from './probe.ts';
import { type PageSession, stateText } from './session.ts';
import { SoundOutput, VoicePlayer } from './voice-player.ts';

/** One liver on the stage. */
interface Seat {
  generation: number;
  avatar: Avatar;
  voice: VoicePlayer;
  figure: HTMLElement;
  shownMs: number;
  uncertaintyMs: number;
}

/** Motion between two refreshes of the screen, ms: drawn now, seen at the next one. */
class RefreshRate {
  intervalMs = 1000 / 60;
  #lastMs = 0;

  observe(nowMs: number): void {
    const passed = nowMs - this.#lastMs;
    this.#lastMs = nowMs;
    if (passed > 3 && passed < 50) this.intervalMs += (passed - this.intervalMs) * 0.05;
  }
}

export function showViewer({ room, transport }: PageSession, probe: PageProbe): void {
  const watcher = watch(room, { playout: PAGE_PLAYOUT });
  probe.playout = () => watcher.stats().slots.values().next().value?.playout;
  const stage = new Stage(room, watcher, probe);
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

class Stage {
  readonly element: HTMLElement;
  readonly #watcher: Watcher;
  readonly #probe: PageProbe;
  readonly #seats = new Map<number, Seat>();
  readonly #refresh = new RefreshRate();
  readonly #sound = new SoundOutput();
  readonly #lag = h('b', {}, '–');
  readonly #lagNote = h('small', {}, 'waiting for a liver');
  readonly #soundButton: HTMLButtonElement;
  readonly #empty = h('p', { class: 'empty' }, 'Nobody is live in this room yet.');
  #lagShownMs = 0;
  #smoothLagMs = Number.NaN;

  constructor(room: Room, watcher: Watcher, probe: PageProbe) {
    this.#watcher = watcher;
    this.#probe = probe;
    this.#soundButton = h('button', { class: 'sound quiet', type: 'button', onclick: () => this.#toggleSound() });
    this.element = h(
      'section',
      { class: 'stage' },
      h('div', { class: 'lag' }, this.#lag, ' ms', this.#lagNote),
      this.#soundButton,
      this.#empty,
    );
    room.on('liver', (liver) => this.#seat(liver));
    room.on('left', ({ slot }) => this.#leave(slot));
    room.on('state', ({ state }) => {
      if (state === 'open') for (const liver of room.livers.values()) this.#seat(liver);
    });
    for (const liver of room.livers.values()) this.#seat(liver);
    this.#sound.context.addEventListener('statechange', () => this.#nameSound());
    // Where the browser lets pages sound by themselves this starts it; elsewhere it waits for the first tap.
    this.#sound.start().catch((error: unknown) => report(probe, error));
    const firstGesture = () => void this.#sound.start();
    addEventListener('pointerdown', firstGesture, { once: true });
    addEventListener('keydown', firstGesture, { once: true });
    this.#nameSound();
    requestAnimationFrame((nowMs) => this.#draw(nowMs));
  }

  frame(unit: WatchedFrame): void {
    this.#seatOf(unit.slot, unit.generation).uncertaintyMs = unit.uncertaintyMs;
  }

  voiceUnit(unit: WatchedVoice): void {
    this.#probe.voicePackets += 1;
    this.#seatOf(unit.slot, unit.generation).voice.push(unit);
  }

  delayText(): string {
    const [slot] = this.#seats.keys();
    const playout = slot === undefined ? undefined : this.#watcher.playout(slot);
    if (!playout) return '–';
    const { exactRatio, voiceGapRatio } = playout.stats();
    const exact = Number.isNaN(exactRatio) ? '' : `, ${percent(exactRatio, 1)} of frames in time`;
    const gaps = Number.isNaN(voiceGapRatio) ? '' : `, ${percent(voiceGapRatio, 1)} of voice missing`;
    return `${playout.delayMs.toFixed(0)} ms after capture${exact}${gaps}`;
  }

  soundText(): string {
    if (!this.#sound.running) return 'off';
    const latency = this.#sound.deviceLatencyMs;
    return `on, device adds ${latency.toFixed(0)} ms`;
  }

  #seat(liver: Liver): void {
    const seat = this.#seatOf(liver.slot, liver.generation);
    const caption = seat.figure.querySelector('span');
    if (caption) caption.textContent = liver.name ?? liver.subject;
  }

  #seatOf(slot: number, generation: number): Seat {
    const present = this.#seats.get(slot);
    if (present) {
      if (present.generation !== generation) {
        present.generation = generation;
        present.voice.reset();
      }
      return present;
    }
    const canvas = h('canvas', { role: 'img', 'aria-label': 'Avatar of the liver' });
    const figure = h('figure', { class: 'liver', style: 'margin: 0' }, canvas, h('figcaption', {}, h('i'), h('span')));
    this.element.append(figure);
    this.#empty.hidden = true;
    const voice = new VoicePlayer(this.#sound, (error) => report(this.#probe, error));
    const avatar = new Avatar(canvas, slot);
    const seat: Seat = { generation, avatar, voice, figure, shownMs: 0, uncertaintyMs: Number.NaN };
    this.#seats.set(slot, seat);
    this.#probe.slots = [...this.#seats.keys()];
    return seat;
  }

  #leave(slot: number): void {
    const seat = this.#seats.get(slot);
    if (!seat) return;
    seat.voice.close();
    seat.figure.remove();
    this.#seats.delete(slot);
    this.#probe.slots = [...this.#seats.keys()];
    this.#empty.hidden = this.#seats.size > 0;
    if (this.#seats.size === 0) {
      this.#lag.textContent = '–';
      this.#lagNote.textContent = 'waiting for a liver';
    }
  }

  #draw(frameMs: number): void {
    requestAnimationFrame((nowMs) => this.#draw(nowMs));
    this.#refresh.observe(frameMs);
    const nowMs = performance.now();
    let played = 0;
    let late = 0;
    let first = true;
    for (const [slot, seat] of this.#seats) {
      const playout = this.#watcher.playout(slot);
      const pose = playout?.sample(nowMs);
      if (playout) seat.voice.tick(nowMs, playout);
      played += seat.voice.played;
      late += seat.voice.late;
      seat.figure.style.setProperty('--level', Math.min(1, seat.voice.level * 8).toFixed(2));
      if (!pose) continue;
      seat.avatar.draw(pose.values, nowMs, pose.kind !== 'rest' || pose.face);
      if (pose.captureMs !== seat.shownMs) {
        seat.shownMs = pose.captureMs;
        this.#probe.framesShown += 1;
      }
      if (first && pose.kind !== 'rest')
        this.#showLag(pose.lagMs + this.#refresh.intervalMs, seat.uncertaintyMs, nowMs);
      first = false;
    }
    this.#probe.samplesPlayed = played;
    this.#probe.samplesLate = late;
  }

  #showLag(lagMs: number, uncertaintyMs: number, nowMs: number): void {
    this.#smoothLagMs = Number.isNaN(this.#smoothLagMs)
      ? lagMs
      : this.#smoothLagMs + (lagMs - this.#smoothLagMs) * 0.05;
    this.#probe.lagMs = lagMs;
    this.#probe.uncertaintyMs = uncertaintyMs;
    if (nowMs - this.#lagShownMs < 250) return;
    this.#lagShownMs = nowMs;
    this.#lag.textContent = this.#smoothLagMs.toFixed(0);
    this.#lagNote.textContent = `± ${uncertaintyMs.toFixed(1)} ms, from face to screen`;
  }

  #toggleSound(): void {
    if (!this.#sound.running) void this.#sound.start();
    else void this.#sound.context.suspend();
  }

  #nameSound(): void {
    this.#soundButton.textContent = this.#sound.running ? 'Sound on' : 'Sound off – tap';
  }
}
