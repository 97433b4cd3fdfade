import type { SpeakRequest } from '@hayate/client';
import { Broadcast } from '../broadcast.ts';
import { h, tell } from '../dom.ts';
import { type PageProbe, report } from '../probe.ts';
import type { PageSession } from '../session.ts';
import { newPerformer, performerSource, speakLoop } from '../sources.ts';
import type { OwnFace } from '../stage.ts';
import { followAccess } from './access.ts';
import { sign } from './signs.ts';
import { explain } from './words.ts';

type Phase = 'idle' | 'asking' | 'granted' | 'starting' | 'speaking';

const SAID: Partial<Record<SpeakRequest['state'], string>> = {
  denied: 'Not now: the liver has something else in mind.',
  expired: 'Nobody answered your request. Ask again if you like.',
  ended: 'Your seat was taken back.',
};

const LABELS: Readonly<Record<Phase, readonly [short: string, rest?: string]>> = {
  idle: ['Ask', ' to speak'],
  asking: ['Waiting', ' – withdraw'],
  granted: ['No, thanks'],
  starting: ['Stop', ' speaking'],
  speaking: ['Stop', ' speaking'],
};

/** A viewer's way to the stage: asks, waits, and speaks once a moderator agrees. The microphone opens at a press, not before. */
export class SpeakControl {
  readonly element: HTMLElement;
  readonly #session: PageSession;
  readonly #probe: PageProbe;
  readonly #onFace: (face: OwnFace | undefined) => void;
  readonly #button: HTMLButtonElement;
  readonly #voice = h(
    'select',
    { 'aria-label': 'Your voice', hidden: true },
    h('option', { value: 'microphone' }, 'My microphone'),
    h('option', { value: 'performer' }, 'A made-up voice'),
  );
  readonly #start: HTMLButtonElement;
  #request: SpeakRequest | undefined;
  #broadcast: Broadcast | undefined;
  #phase: Phase = 'idle';

  constructor(session: PageSession, probe: PageProbe, onFace: (face: OwnFace | undefined) => void) {
    this.#session = session;
    this.#probe = probe;
    this.#onFace = onFace;
    this.#button = h('button', { type: 'button', class: 'quiet', onclick: () => void this.#press() });
    this.#start = h('button', { type: 'button', onclick: () => void this.#speak() }, 'Start speaking');
    this.element = h('div', { class: 'speak' }, this.#voice, this.#start, this.#button);
    followAccess(session.room, () => this.#show(this.#phase));
  }

  async #press(): Promise<void> {
    try {
      if (this.#phase === 'idle') this.#ask();
      else await this.#request?.withdraw();
    } catch (error) {
      report(this.#probe, error);
      tell(explain(error));
    }
  }

  #ask(): void {
    const request = this.#session.room.requestToSpeak();
    this.#request = request;
    this.#show('asking');
    request.granted.catch((error: unknown) => tell(explain(error)));
    request.onState((state) => {
      if (state === 'granted') {
        tell('You may speak now.');
        this.#show('granted');
        this.#start.focus();
      } else if (state !== 'requested') {
        const words = SAID[state];
        // Who leaves the seat knows it.
        if (words && !(state === 'ended' && this.#phase === 'idle')) tell(words);
        void this.#stop();
      }
    });
  }

  async #speak(): Promise<void> {
    const microphone = this.#voice.value === 'microphone';
    this.#show('starting');
    try {
      const performer = newPerformer();
      const speech = microphone ? undefined : await speakLoop(performer);
      const broadcast = new Broadcast(this.#session, this.#probe, performerSource(performer), speech, true);
      this.#broadcast = broadcast;
      await broadcast.start(microphone);
      this.#onFace({ values: broadcast.shown, awake: () => broadcast.publisher.live });
      this.#show('speaking');
    } catch (error) {
      report(this.#probe, error);
      tell(explain(error));
      await this.#request?.withdraw().catch(() => {});
      await this.#stop();
    }
  }

  async #stop(): Promise<void> {
    this.#show('idle');
    this.#onFace(undefined);
    const broadcast = this.#broadcast;
    this.#broadcast = undefined;
    await broadcast?.stop();
  }

  #show(phase: Phase): void {
    this.#phase = phase;
    this.#probe.speaking = phase;
    const { permissions } = this.#session.room;
    this.element.hidden = phase === 'idle' && !permissions.has('speak');
    this.#voice.hidden = phase !== 'granted';
    this.#start.hidden = phase !== 'granted';
    this.#button.disabled = phase === 'starting';
    const [short, rest = ''] = LABELS[phase];
    // A phone has room for the first word.
    const waits = phase === 'idle' || phase === 'asking';
    this.#button.replaceChildren(...(waits ? [sign('clap')] : []), short, h('span', { class: 'rest' }, rest));
    this.#button.setAttribute('aria-label', short + rest);
  }
}
