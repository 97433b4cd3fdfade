import { h } from './dom.ts';

export interface LiveChoice {
  face: 'performer' | 'recording';
  voice: 'performer' | 'microphone' | 'none';
  /** A Live Link Face CSV, when one was chosen or dropped. */
  recording: File | undefined;
}

export interface LiveControls {
  panel: HTMLElement;
  choice(): LiveChoice;
  /** While something changes the button cannot be pressed. */
  show(state: 'idle' | 'changing' | 'live'): void;
}

/** What a liver picks before going live, and the button. */
export function liveControls(onToggle: () => void): LiveControls {
  const face = select({ performer: 'Procedural performer', recording: 'Recording (Live Link Face CSV)' });
  const voice = select({ performer: 'The performer’s voice', microphone: 'Microphone', none: 'No voice' });
  const file = h('input', { type: 'file', accept: '.csv,text/csv', 'aria-label': 'Recording' });
  const hint = h('span', {}, 'Drop a Live Link Face CSV here, or choose one: ');
  const drop = h('div', { class: 'drop', hidden: true }, hint, file);
  const button = h('button', { type: 'button', onclick: onToggle }, 'Go live');
  let recording: File | undefined;

  const take = (taken: File | undefined) => {
    if (!taken) return;
    recording = taken;
    face.value = 'recording';
    drop.hidden = false;
    hint.textContent = `${taken.name} `;
  };
  face.addEventListener('change', () => {
    drop.hidden = face.value !== 'recording';
  });
  file.addEventListener('change', () => take(file.files?.[0]));
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

  const panel = h(
    'section',
    { class: 'setup' },
    h('label', {}, 'Face', face),
    drop,
    h('label', {}, 'Voice', voice),
    button,
  );
  return {
    panel,
    choice: () => ({
      face: face.value as LiveChoice['face'],
      voice: voice.value as LiveChoice['voice'],
      recording,
    }),
    show(state) {
      button.disabled = state === 'changing';
      if (state === 'changing') return;
      button.textContent = state === 'live' ? 'Stop' : 'Go live';
      for (const control of [face, voice, file]) control.disabled = state === 'live';
    },
  };
}

function select(options: Record<string, string>): HTMLSelectElement {
  return h('select', {}, ...Object.entries(options).map(([value, label]) => h('option', { value }, label)));
}
