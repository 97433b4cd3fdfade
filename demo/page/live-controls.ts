import { SCENE_NAMES, type SceneName } from '../avatar/scene/light.ts';
import type { Smoothing } from './camera/smoothing.ts';
import { h, put } from './dom.ts';
import type { Said } from './language/language.ts';
import { told } from './live-words.ts';

const FACES = ['performer', 'camera', 'recording'] as const;
const VOICES = ['performer', 'microphone', 'none'] as const;
const SCENES = ['hour', ...SCENE_NAMES] as const;
const SMOOTHINGS = ['slight', 'none'] as const satisfies Smoothing[];

export interface LiveChoice {
  face: (typeof FACES)[number];
  voice: (typeof VOICES)[number];
  smoothing: Smoothing;
  /** Undefined: that of each viewer's hour. */
  scene: SceneName | undefined;
  /** A Live Link Face CSV, when one was chosen or dropped. */
  recording: File | undefined;
}

export interface LiveControls {
  panel: HTMLElement;
  choice(): LiveChoice;
  /** While something changes the button cannot be pressed. */
  show(state: 'idle' | 'changing' | 'live'): void;
  /** A camera's picture beside the choice; undefined: none. */
  preview(video: HTMLVideoElement | undefined): void;
  /** A word about the camera or the microphone; undefined: none. */
  note(text: string | Said | undefined): void;
  /** Of the microphone, 0 to 1; undefined: none is open. */
  level(level: number | undefined): void;
}

/**
 * What a liver picks before going live, and the button. `onChoice`: another choice than before, while not live; `onScene`:
 * another scene, at any time.
 */
export function liveControls(
  onToggle: () => void,
  onChoice: (choice: LiveChoice) => void,
  onScene: () => void,
): LiveControls {
  const face = select(FACES, (name) => told((w) => w.faces[name]));
  const voice = select(VOICES, (name) => told((w) => w.voices[name]));
  const smoothing = select(SMOOTHINGS, (name) => told((w) => w.smoothings[name]));
  const scene = select(SCENES, (name) => told((w) => w.scenes[name]));
  const file = h('input', { type: 'file', accept: '.csv,text/csv', 'aria-label': told((w) => w.recording) });
  const hint = h(
    'span',
    {},
    told((w) => w.drop),
  );
  const drop = h('div', { class: 'drop', hidden: true }, hint, file);
  const smooth = label(
    told((w) => w.smoothing),
    smoothing,
  );
  const picture = h('div', { class: 'preview', hidden: true });
  const note = h('p', { class: 'note', role: 'status', hidden: true });
  const meter = h('meter', { min: '0', max: '1', hidden: true, 'aria-label': told((w) => w.level) });
  const button = h(
    'button',
    { type: 'button', onclick: onToggle },
    told((w) => w.goLive),
  );
  let recording: File | undefined;
  const choice = (): LiveChoice => ({
    face: face.value as LiveChoice['face'],
    voice: voice.value as LiveChoice['voice'],
    smoothing: smoothing.value as Smoothing,
    scene: SCENE_NAMES.find((name) => name === scene.value),
    recording,
  });
  const changed = () => {
    drop.hidden = face.value !== 'recording';
    smooth.hidden = face.value !== 'camera';
    onChoice(choice());
  };
  const take = (taken: File | undefined) => {
    if (!taken) return;
    recording = taken;
    face.value = 'recording';
    put(hint, `${taken.name} `);
    changed();
  };
  smooth.hidden = true;
  for (const control of [face, voice, smoothing]) control.addEventListener('change', changed);
  scene.addEventListener('change', onScene);
  file.addEventListener('change', () => take(file.files?.[0]));
  takeDrops(drop, take);

  const voices = label(
    told((w) => w.voice),
    voice,
  );
  const panel = h(
    'section',
    { class: 'setup' },
    label(
      told((w) => w.face),
      face,
    ),
    drop,
    smooth,
    picture,
    voices,
    label(
      told((w) => w.scene),
      scene,
    ),
  );
  panel.append(meter, note, button);
  return {
    panel,
    choice,
    show(state) {
      button.disabled = state === 'changing';
      if (state === 'changing') return;
      put(button, state === 'live' ? told((w) => w.stop) : told((w) => w.goLive));
      for (const control of [face, voice, file]) control.disabled = state === 'live';
    },
    preview(video) {
      picture.hidden = video === undefined;
      picture.replaceChildren(...(video ? [video] : []));
    },
    note(text) {
      note.hidden = text === undefined;
      put(note, text ?? '');
    },
    level(level) {
      meter.hidden = level === undefined;
      meter.value = level ?? 0;
    },
  };
}

/** Files dropped anywhere on the page. */
function takeDrops(drop: HTMLElement, take: (file: File | undefined) => void): void {
  document.body.addEventListener('dragover', (event) => {
    event.preventDefault();
    drop.hidden = false;
    drop.classList.add('over');
  });
  document.body.addEventListener('dragleave', () => drop.classList.remove('over'));
  document.body.addEventListener('drop', (event) => {
    event.preventDefault();
    drop.classList.remove('over');
    take(event.dataTransfer?.files[0]);
  });
}

const label = (text: Said, control: HTMLElement): HTMLElement => h('label', {}, text, control);

function select<Name extends string>(names: readonly Name[], text: (name: Name) => Said): HTMLSelectElement {
  return h('select', {}, ...names.map((value) => h('option', { value }, text(value))));
}
