import type { SpeakRequest } from '@hayate/client';
import type { Broadcast } from '../broadcast.ts';
import { h, put, tell } from '../dom.ts';
import { say } from '../language/language.ts';
import { setText } from '../language/live-text.ts';
import { type PageProbe, report } from '../probe.ts';
import type { PageSession } from '../session.ts';
import type { OwnFace } from '../stage.ts';
import { followAccess } from './access.ts';
import { sign } from './signs.ts';
import { explain } from './words.ts';

type Phase = 'idle' | 'asking' | 'granted' | 'starting' | 'speaking';

/** What the button says in each phase, by its place in the catalogue. */
const BUTTON = {
  idle: 'ask',
  asking: 'wait',
  granted: 'decline',
  starting: 'stop',
  speaking: 'stop',
} as const satisfies Record<Phase, string>;

/** A viewer's way to the stage: asks, waits, and speaks once a moderator agrees. The microphone opens at a press, not before. */
export class SpeakControl {
  readonly element: HTMLElement;
  readonly #session: PageSession;
  readonly #probe: PageProbe;
  readonly #onFace: (face: OwnFace | undefined) => void;
  readonly #button: HTMLButtonElement;
  readonly #voice = h(
    'select',
    { 'aria-label': say((w) => w.speak.yourVoice), hidden: true },
    h(
      'option',
      { value: 'microphone' },
      say((w) => w.speak.microphone),
    ),
    h(
      'option',
      { value: 'performer' },
      say((w) => w.speak.madeUp),
    ),
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
    this.#start = h(
      'button',
      { type: 'button', onclick: () => void this.#speak() },
      say((w) => w.speak.start),
    );
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
        tell(say((w) => w.speak.mayNow));
        this.#show('granted');
        this.#start.focus();
      } else if (state !== 'requested') {
        // Who leaves the seat knows it.
        if (isAnswer(state) && !(state === 'ended' && this.#phase === 'idle')) tell(say((w) => w.speak[state]));
        void this.#stop();
      }
    });
  }

  async #speak(): Promise<void> {
    const microphone = this.#voice.value === 'microphone';
    this.#show('starting');
    try {
      // Few visits come to this: the performer and its voice are loaded when one does.
      const [{ Broadcast }, { newPerformer, performerSource, speakLoop }] = await Promise.all([
        import('../broadcast.ts'),
        import('../sources.ts'),
      ]);
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
    const part = (n: 0 | 1) => say((w) => w.speak[BUTTON[phase]][n]!);
    // A phone has room for the first word.
    const waits = phase === 'idle' || phase === 'asking';
    put(this.#button, ...(waits ? [sign('clap')] : []), part(0), h('span', { class: 'rest' }, part(1)));
    setText(
      this.#button,
      'aria-label',
      say((w) => w.speak[BUTTON[phase]].join('')),
    );
  }
}

function isAnswer(state: SpeakRequest['state']): state is 'denied' | 'expired' | 'ended' {
  return state === 'denied' || state === 'expired' || state === 'ended';
}
