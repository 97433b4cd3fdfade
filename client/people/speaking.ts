import type { HayateError } from '@hayate/codec/errors';
import { codeError, type SpeakState } from '@hayate/codec/messages';
import { Listeners } from '../room/emitter.ts';
import type { Participant } from '../room/participant.ts';
import type { RelaySession } from '../room/relay-session.ts';
import type { Welcome } from '../src/types.ts';
import type { SpeakRequest } from './types.ts';

type State = SpeakRequest['state'];

const FINAL: ReadonlySet<State> = new Set(['refused', 'withdrawn', 'denied', 'expired', 'ended']);

class Request implements SpeakRequest {
  readonly granted: Promise<boolean>;
  readonly #granted = Promise.withResolvers<boolean>();
  readonly #listeners = new Listeners<State>();
  readonly #withdraw: () => Promise<void>;
  #state: State = 'asking';

  constructor(withdraw: () => Promise<void>) {
    this.#withdraw = withdraw;
    this.granted = this.#granted.promise;
    // Who only listens to states must not meet an unhandled rejection.
    this.granted.catch(() => {});
  }

  get state(): State {
    return this.#state;
  }

  get over(): boolean {
    return FINAL.has(this.#state);
  }

  onState(listener: (state: State) => void): () => void {
    return this.#listeners.add(listener);
  }

  async withdraw(): Promise<void> {
    if (!this.over) await this.#withdraw();
  }

  become(state: State, error?: HayateError): void {
    if (this.over || this.#state === state) return;
    this.#state = state;
    if (state === 'granted') this.#granted.resolve(true);
    else if (error) this.#granted.reject(error);
    else if (this.over) this.#granted.resolve(false);
    this.#listeners.emit(state);
  }
}

/** One's own request to speak, over sessions: the relay keeps it for a session that resumes; else it is asked anew. */
export class Speaking implements Participant {
  readonly #mayPublish: () => boolean;
  #session: RelaySession | undefined;
  #request: Request | undefined;
  #closed: HayateError | undefined;

  constructor(mayPublish: () => boolean) {
    this.#mayPublish = mayPublish;
  }

  request(): SpeakRequest {
    if (this.#request && !this.#request.over) return this.#request;
    const request: Request = new Request(() => this.#withdraw(request));
    this.#request = request;
    if (this.#closed) request.become('refused', this.#closed);
    else if (this.#session) this.#ask(this.#session, request);
    else request.become('refused', codeError('connection_lost', 'no session'));
    return request;
  }

  /** The relay's word about this person. */
  onSpeak(state: SpeakState): void {
    this.#request?.become(state);
  }

  onOpen(session: RelaySession, welcome: Welcome): void {
    this.#session = session;
    const request = this.#request;
    if (!request || request.over) return;
    const mayPublish = welcome.permissions.has('publish');
    // What a moderator did while the session was lost shows in what it may now.
    if (request.state === 'granted' && !mayPublish) request.become('ended');
    else if (request.state === 'requested' && mayPublish) request.become('granted');
    else if (request.state !== 'granted' && !(welcome.resumed && request.state === 'requested')) {
      this.#ask(session, request);
    }
  }

  onLost(): void {
    this.#session = undefined;
  }

  onClosed(error: HayateError): void {
    this.onLost();
    this.#closed = error;
    const state = this.#request?.state;
    if (state === 'granted') this.#request?.become('ended');
    else this.#request?.become('refused', error);
  }

  onDatagram(): void {}

  #ask(session: RelaySession, request: Request): void {
    session
      .request((id) => ({ t: 'speak', id, want: true }))
      .then(
        () => {
          // Who may publish anyway is not put into the queue, and hears no more of it.
          if (request.state === 'asking') request.become(this.#mayPublish() ? 'granted' : 'requested');
        },
        (error: HayateError) => {
          // The next session asks again.
          if (this.#session === session) request.become('refused', error);
        },
      );
  }

  async #withdraw(request: Request): Promise<void> {
    if (!this.#session) throw codeError('connection_lost', 'no session');
    await this.#session.request((id) => ({ t: 'speak', id, want: false }));
    request.become(request.state === 'granted' ? 'ended' : 'withdrawn');
  }
}
