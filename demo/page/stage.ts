import type { Liver, Room, WatchedFrame, WatchedVoice, Watcher } from '@hayate/client';
import type { SceneName } from '../avatar/scene/light.ts';
import { h, put } from './dom.ts';
import type { Painter, Portrait } from './drawing/painter.ts';
import { percent } from './figures.ts';
import { say, words } from './language/language.ts';
import { setText } from './language/live-text.ts';
import { voiceDelayBeside } from './playout.ts';
import { type PageProbe, report } from './probe.ts';
import { sign } from './room/signs.ts';
import { sceneOf } from './scene-info.ts';
import { SoundOutput, VoicePlayer } from './voice-player.ts';
import { Wardrobe } from './vrm/wardrobe.ts';

/** One liver on the stage. */
interface Seat {
  generation: number;
  portrait: Portrait;
  voice: VoicePlayer;
  figure: HTMLElement;
  scene?: SceneName | undefined;
  /** As its caption shows it. */
  level: string;
  shownMs: number;
  uncertaintyMs: number;
}

/** The face of this page itself, drawn as it is sent. */
export interface OwnFace {
  values: Float32Array;
  /** Whether it is on the air. */
  awake(): boolean;
  /** As viewers see it; undefined: of their own hour. */
  scene?: SceneName | undefined;
}

/** A page that drew nothing for so long stood still: three refreshes. */
const FROZEN_MS = 50;
const THAWS_MS = 100;

/** Motion between two refreshes of the screen, ms: drawn now, seen at the next one. */
class RefreshRate {
  intervalMs = 1000 / 60;
  #lastMs = 0;
  #frozenMs = Number.NEGATIVE_INFINITY;

  observe(nowMs: number): void {
    const passed = nowMs - this.#lastMs;
    this.#lastMs = nowMs;
    if (passed > 3 && passed < FROZEN_MS) this.intervalMs += (passed - this.intervalMs) * 0.05;
    if (passed >= FROZEN_MS) this.#frozenMs = nowMs;
  }

  /** Whether the page stood still just now: what came meanwhile is still on its way to the face. */
  frozen(nowMs: number): boolean {
    return nowMs - this.#frozenMs < THAWS_MS;
  }
}

/** The livers of a room: faces, voices, and how old what is shown is. */
export class Stage {
  readonly element: HTMLElement;
  readonly #room: Room;
  readonly #watcher: Watcher;
  readonly #painter: Painter;
  readonly #probe: PageProbe;
  readonly #seats = new Map<number, Seat>();
  readonly #refresh = new RefreshRate();
  readonly #sound = new SoundOutput();
  readonly #lag = h('b', {}, '–');
  readonly #lagNote = h(
    'small',
    {},
    say((w) => w.waitingForLiver),
  );
  readonly #soundButton: HTMLButtonElement;
  readonly #empty = h(
    'p',
    { class: 'empty' },
    say((w) => w.nobodyLive),
  );
  readonly #lagBox: HTMLElement;
  readonly #wardrobe: Wardrobe;
  /** Whose canvas the costume hides. */
  #disguised: HTMLElement | undefined;
  #own: { face: OwnFace; portrait: Portrait; figure: HTMLElement } | undefined;
  #lagShownMs = 0;
  #smoothLagMs = Number.NaN;

  constructor(room: Room, watcher: Watcher, painter: Painter, probe: PageProbe) {
    this.#room = room;
    this.#watcher = watcher;
    this.#painter = painter;
    this.#probe = probe;
    this.#soundButton = h('button', { class: 'sound', type: 'button', onclick: () => this.#toggleSound() });
    this.#lagBox = h('div', { class: 'lag' }, this.#lag, ' ms', this.#lagNote);
    this.#wardrobe = new Wardrobe(
      say((w) => w.avatarOf(this.#leadName() ?? w.theLiver)),
      probe,
      () => this.#dress(),
    );
    this.element = h(
      'section',
      { class: 'stage', 'aria-label': say((w) => w.stage) },
      this.#lagBox,
      h('div', { class: 'corner' }, this.#wardrobe.element, this.#soundButton),
      this.#empty,
    );
    room.on('liver', (liver) => this.#seat(liver));
    room.on('left', ({ slot }) => this.#leave(slot));
    room.on('state', ({ state }) => {
      // Its livers follow at once, as events; who left meanwhile does not.
      if (state === 'open') queueMicrotask(() => this.#clear());
    });
    for (const liver of room.livers.values()) this.#seat(liver);
    this.#sound.context.addEventListener('statechange', () => this.#nameSound());
    // Where the browser lets pages sound by themselves this starts it; elsewhere it waits for the first tap.
    this.#sound.start().catch((error: unknown) => report(probe, error));
    const firstGesture = () => void this.#sound.start();
    addEventListener('pointerdown', firstGesture, { once: true });
    addEventListener('keydown', firstGesture, { once: true });
    this.#nameSound();
    this.#arrange();
    requestAnimationFrame((nowMs) => this.#draw(nowMs));
  }

  /** Puts this page's own face first, or takes it away. */
  setOwn(face: OwnFace | undefined): void {
    this.#own?.portrait.remove();
    this.#own?.figure.remove();
    this.#own = undefined;
    if (face) {
      const portrait = this.#painter.portrait(
        0,
        say((w) => w.yourAvatar),
      );
      const figure = h(
        'figure',
        { class: 'liver' },
        portrait.canvas,
        h(
          'figcaption',
          {},
          h(
            'span',
            {},
            say((w) => w.you),
          ),
        ),
      );
      portrait.choose(face.scene);
      this.#lagBox.before(figure);
      this.#own = { face, portrait, figure };
    }
    this.#arrange();
  }

  frame(unit: WatchedFrame): void {
    const seat = this.#seated(unit);
    if (seat) seat.uncertaintyMs = unit.uncertaintyMs;
  }

  voiceUnit(unit: WatchedVoice): void {
    const seat = this.#seated(unit);
    if (!seat) return;
    this.#probe.voicePackets += 1;
    seat.voice.push(unit);
  }

  delayText(): string {
    const [slot] = this.#seats.keys();
    const playout = slot === undefined ? undefined : this.#watcher.playout(slot);
    if (!playout) return '–';
    const { exactRatio, voiceGapRatio } = playout.stats();
    const w = words();
    const parts = [w.playout(playout.delayMs.toFixed(0))];
    if (!Number.isNaN(exactRatio)) parts.push(w.framesInTime(percent(exactRatio, 1)));
    if (!Number.isNaN(voiceGapRatio)) parts.push(w.voiceMissing(percent(voiceGapRatio, 1)));
    return parts.join(', ');
  }

  soundText(): string {
    if (!this.#sound.running) return words().off;
    const latency = this.#sound.deviceLatencyMs;
    return words().soundIsOn(latency.toFixed(0));
  }

  /** Where a unit belongs; undefined for what comes when its liver has left. */
  #seated({ slot, generation }: { slot: number; generation: number }): Seat | undefined {
    return this.#seats.has(slot) ? this.#seatOf(slot, generation) : undefined;
  }

  #seat(liver: Liver): void {
    // A mirror needs no relay, and an own voice no loudspeaker.
    if (liver.subject === this.#room.welcome?.subject) return;
    const seat = this.#seatOf(liver.slot, liver.generation);
    const caption = seat.figure.querySelector('span');
    if (caption) caption.textContent = liver.name ?? liver.subject;
    const scene = sceneOf(liver.info);
    if (scene === seat.scene) return;
    seat.scene = scene;
    seat.portrait.choose(scene);
    this.#dress();
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
    const portrait = this.#painter.portrait(
      slot,
      say((w) => w.avatarOf(this.#nameOf(slot) ?? w.theLiver)),
    );
    const caption = h('figcaption', {}, h('i'), h('span'));
    const figure = h('figure', { class: 'liver' }, portrait.canvas, caption);
    this.element.append(figure);
    const voice = new VoicePlayer(this.#sound, (error) => report(this.#probe, error));
    const seat: Seat = { generation, portrait, voice, figure, level: '', shownMs: 0, uncertaintyMs: Number.NaN };
    this.#seats.set(slot, seat);
    this.#arrange();
    return seat;
  }

  #nameOf(slot: number): string | undefined {
    const liver = this.#room.livers.get(slot);
    return liver && (liver.name ?? liver.subject);
  }

  #clear(): void {
    for (const slot of [...this.#seats.keys()]) if (!this.#room.livers.has(slot)) this.#leave(slot);
  }

  #leave(slot: number): void {
    const seat = this.#seats.get(slot);
    if (!seat) return;
    seat.voice.close();
    seat.portrait.remove();
    seat.figure.remove();
    this.#seats.delete(slot);
    this.#arrange();
  }

  #arrange(): void {
    this.#probe.slots = [...this.#seats.keys()];
    this.#dress();
    const faces = this.#seats.size + (this.#own ? 1 : 0);
    this.#empty.hidden = faces > 0;
    // Of the own face there is none.
    this.#lagBox.hidden = this.#seats.size === 0 && this.#own !== undefined;
    this.#soundButton.hidden = this.#lagBox.hidden;
    if (this.#seats.size > 0) return;
    this.#lag.textContent = '–';
    put(
      this.#lagNote,
      say((w) => w.waitingForLiver),
    );
  }

  /** Who wears a VRM: the face of this page itself, else the first liver. */
  #lead(): HTMLElement | undefined {
    return this.#own?.figure ?? this.#seats.values().next().value?.figure;
  }

  #leadName(): string | undefined {
    const [slot] = this.#seats.keys();
    return slot === undefined ? undefined : this.#nameOf(slot);
  }

  #dress(): void {
    const { costume } = this.#wardrobe;
    this.#wardrobe.choose(this.#own ? this.#own.face.scene : this.#seats.values().next().value?.scene);
    this.#disguised?.classList.remove('disguised');
    this.#disguised = costume && this.#lead();
    this.#disguised?.classList.add('disguised');
    if (this.#disguised && costume) this.#disguised.prepend(costume.canvas);
    else costume?.canvas.remove();
  }

  /** Poses the drawing, or what is worn in its place; the latter is drawn at once. True: it was. */
  #pose(figure: HTMLElement, portrait: Portrait, values: Float32Array, awake: boolean): boolean {
    const { costume } = this.#wardrobe;
    const worn = costume !== undefined && figure === this.#disguised;
    (worn ? costume : portrait).pose(values, awake);
    return worn;
  }

  #draw(frameMs: number): void {
    requestAnimationFrame((nowMs) => this.#draw(nowMs));
    this.#refresh.observe(frameMs);
    const nowMs = performance.now();
    let played = 0;
    let late = 0;
    let fresh = 0;
    let first = true;
    let worn = false;
    if (this.#own) {
      const { figure, portrait, face } = this.#own;
      worn = this.#pose(figure, portrait, face.values, face.awake());
    }
    for (const [slot, seat] of this.#seats) {
      const playout = this.#watcher.playout(slot);
      const pose = playout?.sample(nowMs);
      // Drawn now, seen later: by so much.
      const seenInMs = this.#painter.figures.waitMs + this.#refresh.intervalMs;
      if (playout) seat.voice.tick(nowMs, { voiceDelayMs: voiceDelayBeside(playout, seenInMs) });
      played += seat.voice.played;
      late += seat.voice.late;
      this.#showLevel(seat);
      if (!pose) continue;
      worn = this.#pose(seat.figure, seat.portrait, pose.values, pose.kind !== 'rest' || pose.face) || worn;
      if (pose.captureMs !== seat.shownMs) {
        seat.shownMs = pose.captureMs;
        fresh += 1;
      }
      if (first && pose.kind !== 'rest') {
        this.#showLag(pose.lagMs + seenInMs, seat.uncertaintyMs, nowMs);
        seat.voice.extraMs = this.#probe.voiceExtraMs;
        const heardMs = seat.voice.takeHeardLag();
        if (heardMs !== undefined) this.#probe.skew.add(heardMs - pose.lagMs - seenInMs, this.#refresh.frozen(frameMs));
      }
      first = false;
    }
    if (this.#painter.flush(nowMs) || worn) this.#probe.framesShown += fresh;
    this.#probe.samplesPlayed = played;
    this.#probe.samplesLate = late;
  }

  /** The voice tells its level ten times a second; each change costs the page a style and a paint. */
  #showLevel(seat: Seat): void {
    const level = Math.min(1, seat.voice.level * 8).toFixed(1);
    if (level === seat.level) return;
    seat.level = level;
    seat.figure.style.setProperty('--level', level);
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
    this.#lagNote.textContent = words().lagNote(uncertaintyMs.toFixed(1));
  }

  #toggleSound(): void {
    if (!this.#sound.running) void this.#sound.start();
    else void this.#sound.context.suspend();
  }

  #nameSound(): void {
    const { running } = this.#sound;
    const text = say((w) => (running ? w.soundOn : w.soundOff));
    // A phone has no room for what is as it should be.
    put(this.#soundButton, sign(running ? 'sound' : 'mute'), h('span', running ? { class: 'rest' } : {}, text));
    setText(this.#soundButton, 'aria-label', text);
  }
}
