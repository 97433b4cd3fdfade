import { HayateError } from '@hayate/codec/errors';
import { codeError, type RelayMessage, type Welcome } from '@hayate/codec/messages';
import type { Connector } from '@hayate/transport';
import type { ConnectionOptions, RelayCandidate, RelayTarget } from '../src/types.ts';
import { Backoff } from './backoff.ts';
import { AGAIN_LIMIT_MS, type Dialled, Dialling } from './dialling.ts';
import type { Environment } from './environment.ts';
import { RelaySession } from './relay-session.ts';
import { RoomRelays } from './room-relays.ts';
import { checkTarget } from './target.ts';
import { withLimit } from './with-limit.ts';

const AGENT = 'hayate-client/0.1';
const FIRST_GIVE_UP_MS = 15_000;
/** A session shorter than this does not count as a recovery: the back-off goes on growing. */
const STABLE_MS = 5_000;
const WELCOME_LIMIT_MS = 10_000;
/** Where there is another relay. */
const WELCOME_HASTE_MS = 3_000;
/** Who takes longer to bring what the present relay brings does not get the room. */
const JOIN_LIMIT_MS = 3_000;
/** What was asked of the relay that is left may still be answered. */
const LINGER_MS = 500;
/** The relay says something each 200 ms, */
const DEAD_AFTER_MS = 600;
/** but over TCP a lost packet holds up those behind it, for longer each time that it is lost again. */
const TCP_DEAD_AFTER_MS = 2500;
/** A session with one relay. */
export interface Place {
  relay: RelayCandidate;
  connectMs: number;
  session: RelaySession;
  welcome: Welcome | undefined;
  openedMs: number;
  /** Dialled beside another one with the same relay, since a better way to it works again. */
  again: boolean;
  /** It said that it will go in so many ms. */
  drainsMs: number | undefined;
}

interface Attempt {
  dialling?: Dialling;
  /** The present relay once more, by a better way. */
  again: boolean;
}

export interface ConnectionSetup {
  target: RelayTarget;
  options: ConnectionOptions;
  connector: Connector;
  environment: Environment;
  /** There was none before. */
  onOpen(place: Place, welcome: Welcome): void;
  /** The present one ended. What follows is `onRetry` or `onFinished`, unless another one is about to open. */
  onLost(error: HayateError): void;
  onRetry(error: HayateError): void;
  onFinished(error: HayateError): void;
  /** Another relay welcomed the room, and the present one still flows: `move` when it is no more needed. */
  onJoin(place: Place, welcome: Welcome): void;
  onJoinFailed(error: HayateError): void;
  /** `to` is the present one from now on. */
  onMove(from: Place, to: Place, reason: HayateError, overlapMs: number): void;
  onMessage(place: Place, message: RelayMessage): void;
  onDatagram(place: Place, data: Uint8Array, receivedAtUs: number): void;
}

/** Keeps a session with one of the room's relays: dials, waits, goes over to another one. Who takes part is not its concern. */
export class Connection {
  readonly #setup: ConnectionSetup;
  readonly #relays: RoomRelays;
  readonly #backoff: Backoff;
  #place: Place | undefined;
  /** Beside the present one, to take its place. */
  #next: Place | undefined;
  /** Left, with answers on the way. */
  readonly #left = new Map<Place, unknown>();
  /** From the token to the open transport. */
  #attempt: Attempt | undefined;
  /** Ended, and maybe not dead: the path to it was cut. */
  #silent: string | undefined;
  /** Since when there is no session. */
  #searchingMs: number;
  #everOpen = false;
  #retryTimer: unknown;
  #leaveTimer: unknown;
  #joinTimer: unknown;
  /** Of the last session, for the next one with the same relay. */
  #resume: { url: string; resume: string | undefined } | undefined;
  /** A session opened since the relay last refused a token as expired. */
  #mayRenew = true;
  #finished = false;

  /** Throws `invalid_argument` for a target that can never work. */
  constructor(setup: ConnectionSetup) {
    checkTarget(setup.target);
    this.#setup = setup;
    const { options, environment } = setup;
    this.#relays = new RoomRelays(setup);
    this.#backoff = new Backoff(options.retryMs ?? 150, options.maxRetryMs ?? 10_000, environment.random);
    this.#searchingMs = environment.nowMs();
  }

  get place(): Place | undefined {
    return this.#place;
  }

  get waiting(): boolean {
    return this.#place === undefined && this.#retryTimer !== undefined;
  }

  /** The network may be back, or another one. */
  hurry(): void {
    this.#place?.session.doubt();
    if (!this.waiting) return;
    this.#backoff.reset();
    this.#relays.forgive();
    this.begin();
  }

  begin(again = false): void {
    this.#setup.environment.clearTimer(this.#retryTimer);
    this.#retryTimer = undefined;
    const attempt: Attempt = { again };
    this.#attempt = attempt;
    const { token, relaysWaitMs = 0 } = this.#setup.target;
    const learning = this.#relays.learn(this.#place?.relay.url ?? this.#resume?.url);
    // A relay that went silent is left at once, for one that is known; who places rooms is waited for a little.
    const wait =
      this.#silent === undefined
        ? learning
        : learning && relaysWaitMs > 0
          ? withLimit(learning, this.#setup.environment, relaysWaitMs).catch(() => {})
          : undefined;
    if (typeof token === 'string' && !wait) {
      this.#dial(attempt, token);
      return;
    }
    const prepare = async () => {
      const given = typeof token === 'string' ? token : await token();
      await wait;
      if (this.#attempt === attempt) this.#dial(attempt, given);
    };
    prepare().catch((error: unknown) => {
      if (this.#attempt !== attempt) return;
      this.#failed(error instanceof HayateError ? error : codeError('connect_failed', 'no token', error), again);
    });
  }

  /** The relay of `place` says that it goes. It is left within the first half of the grace, so that a room does not come all at once. */
  drains(place: Place, deadlineMs: number): void {
    const { environment } = this.#setup;
    place.drainsMs = deadlineMs;
    this.#relays.drains(place.relay);
    if (place !== this.#place || this.#leaveTimer !== undefined || this.#attempt || this.#next) return;
    this.#leaveTimer = environment.setTimer(
      () => {
        this.#leaveTimer = undefined;
        this.begin();
      },
      environment.random() * (deadlineMs / 2),
    );
  }

  /** The next one is as good as the present one. */
  move(): void {
    if (this.#next?.welcome) this.#move(this.#next, codeError('draining', 'the relay is going away'));
  }

  /** Idempotent. Nothing is called any more. */
  finish(error: HayateError): void {
    if (this.#finished) return;
    this.#finished = true;
    const { environment } = this.#setup;
    for (const timer of [this.#retryTimer, this.#leaveTimer, this.#joinTimer]) environment.clearTimer(timer);
    this.#attempt?.dialling?.stop();
    this.#attempt = undefined;
    this.#relays.stop();
    const places = [this.#place, this.#next, ...this.#left.keys()];
    for (const timer of this.#left.values()) environment.clearTimer(timer);
    this.#place = this.#next = undefined;
    this.#left.clear();
    for (const place of places) place?.session.end(error);
  }

  #dial(attempt: Attempt, token: string): void {
    const { connector, environment } = this.#setup;
    const silent = this.#silent;
    this.#silent = undefined;
    attempt.dialling = new Dialling({
      relays: attempt.again
        ? [{ relay: this.#place!.relay, afterMs: 0 }]
        : this.#everOpen
          ? this.#relays.instead(this.#place?.relay.url ?? silent, silent !== undefined && !this.#place)
          : this.#relays.first(),
      connector,
      environment,
      ...(this.#everOpen && { limitMs: AGAIN_LIMIT_MS }),
      onOpened: (dialled) => {
        this.#attempt = undefined;
        this.#relays.opened(dialled);
        this.#relays.settled(attempt.dialling, () => this.#place?.relay.url);
        this.#enter(dialled, token, attempt.again);
      },
      onMeasured: (dialled) => this.#relays.opened(dialled),
      onFailed: (relay) => this.#relays.failed(relay),
      onOver: (error) => this.#failed(error, attempt.again),
    });
  }

  #enter({ relay, session: transport, connectMs }: Dialled, token: string, again: boolean): void {
    const { options, environment, onMessage, onDatagram } = this.#setup;
    const resume = !this.#place && this.#resume?.url === relay.url ? this.#resume.resume : undefined;
    const session = new RelaySession({
      ...{ transport, token, environment, resume },
      deadAfterMs:
        options.deadAfterMs ?? (transport.reliability === 'reliable-only' ? TCP_DEAD_AFTER_MS : DEAD_AFTER_MS),
      welcomeLimitMs: this.#relays.hasOther(relay) ? WELCOME_HASTE_MS : WELCOME_LIMIT_MS,
      agent: AGENT,
      onWelcome: (welcome) => this.#onWelcome(place, welcome),
      onMessage: (message) => onMessage(place, message),
      onDatagram: (data, receivedAtUs) => onDatagram(place, data, receivedAtUs),
    });
    const place: Place = { relay, connectMs, session, welcome: undefined, openedMs: 0, again, drainsMs: undefined };
    if (this.#place) this.#next = place;
    else this.#place = place;
    void session.ended.then((error) => this.#onEnded(place, error));
  }

  #onWelcome(place: Place, welcome: Welcome): void {
    const { environment, onOpen, onJoin } = this.#setup;
    place.welcome = welcome;
    place.openedMs = environment.nowMs();
    this.#mayRenew = true;
    if (place === this.#next) {
      this.#joinTimer = environment.setTimer(() => {
        place.session.end(codeError('timeout', `the room did not come up within ${JOIN_LIMIT_MS} ms`));
      }, JOIN_LIMIT_MS);
      onJoin(place, welcome);
      return;
    }
    this.#settle(place);
    onOpen(place, welcome);
  }

  /** It is the present one from now on. */
  #settle(place: Place): void {
    const { relay, welcome, session } = place;
    this.#everOpen = true;
    this.#resume = { url: relay.url, resume: welcome?.resume };
    void session.transport.superseded?.then(() => {
      if (place !== this.#place || this.#attempt || this.#next || this.#leaveTimer !== undefined) return;
      this.begin(true);
    });
  }

  #onEnded(place: Place, error: HayateError): void {
    if (this.#finished) return;
    const { environment, onJoinFailed, onLost } = this.#setup;
    const nowMs = environment.nowMs();
    if (place === this.#next) {
      environment.clearTimer(this.#joinTimer);
      this.#next = undefined;
      if (!place.again) this.#relays.failed(place.relay);
      if (place.welcome) onJoinFailed(error);
      this.#failed(error, place.again);
      return;
    }
    if (place !== this.#place) return;
    const goesOn = error.retryable || this.#renews(error);
    if (goesOn && this.#next?.welcome) {
      this.#move(this.#next, error);
      return;
    }
    this.#place = undefined;
    environment.clearTimer(this.#leaveTimer);
    this.#leaveTimer = undefined;
    if (place.welcome) {
      this.#searchingMs = nowMs;
      if (nowMs - place.openedMs >= STABLE_MS) this.#backoff.reset();
      onLost(error);
    }
    // Unless it was refused for reasons of this client's, another one is better.
    if (goesOn) this.#relays.failed(place.relay);
    if (place.welcome && error.code === 'connection_lost') this.#silent = place.relay.url;
    if (goesOn && this.#next) {
      this.#place = this.#next;
      this.#next = undefined;
      this.#setup.onRetry(error);
    } else if (goesOn && this.#attempt) {
      this.#setup.onRetry(error);
    } else {
      this.#retry(error, goesOn);
    }
  }

  /** No session came of the attempt. */
  #failed(error: HayateError, again: boolean): void {
    this.#attempt = undefined;
    // The way that is there does: nothing is lost.
    if (again && this.#place) return;
    if (!this.#place) {
      this.#retry(error, error.retryable || this.#renews(error));
      return;
    }
    const { environment } = this.#setup;
    // It goes, and nobody else is there: the sooner it is left, the sooner another one may answer in its place.
    if (!this.#relays.hasOther(this.#place.relay))
      this.#place.session.end(codeError('draining', 'the relay is going away'));
    else if (error.retryable) this.#retryTimer = environment.setTimer(() => this.begin(), this.#backoff.nextMs());
  }

  #retry(error: HayateError, goesOn: boolean): void {
    const { options, environment, onRetry, onFinished } = this.#setup;
    environment.clearTimer(this.#retryTimer);
    const giveUpMs = options.giveUpMs ?? (this.#everOpen ? Number.POSITIVE_INFINITY : FIRST_GIVE_UP_MS);
    const waitMs = this.#backoff.nextMs();
    if (!goesOn || environment.nowMs() + waitMs - this.#searchingMs > giveUpMs) {
      onFinished(error);
      return;
    }
    this.#retryTimer = environment.setTimer(() => this.begin(), waitMs);
    onRetry(error);
  }

  /** The token ended and another can be had. One that has ended already when it comes is no way out. */
  #renews(error: HayateError): boolean {
    if (error.code !== 'token_expired' || typeof this.#setup.target.token !== 'function' || !this.#mayRenew)
      return false;
    this.#mayRenew = false;
    return true;
  }

  #move(next: Place, reason: HayateError): void {
    const { environment, onMove } = this.#setup;
    const left = this.#place!;
    environment.clearTimer(this.#joinTimer);
    environment.clearTimer(this.#leaveTimer);
    this.#leaveTimer = undefined;
    this.#place = next;
    this.#next = undefined;
    const nowMs = environment.nowMs();
    const overlapMs = left.session.over ? 0 : nowMs - next.openedMs;
    if (left.session.over) {
      this.#relays.failed(left.relay);
    } else {
      const timer = environment.setTimer(() => {
        this.#left.delete(left);
        left.session.end(codeError('closed', 'left for another relay'));
      }, LINGER_MS);
      this.#left.set(left, timer);
    }
    this.#settle(next);
    onMove(left, next, reason, overlapMs);
    if (next.drainsMs !== undefined) this.drains(next, next.drainsMs);
  }
}
