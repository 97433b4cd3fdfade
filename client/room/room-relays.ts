import type { Connector } from '@hayate/transport';
import type { RelayCandidate, RelayTarget } from '../src/types.ts';
import { type Dialled, Dialling } from './dialling.ts';
import type { Environment } from './environment.ts';
import { RelayChoice } from './relay-choice.ts';
import { withLimit } from './with-limit.ts';

/** So much nearer must a relay be that is worse for other reasons. */
const NEAR_MS = 8;
/** A relay that has not opened a session by then is helped out by the next. */
const SPARE_MS = 400;
const MOST_DIALLED = 3;
const LEARN_LIMIT_MS = 1_000;
/** A list this young is not asked for again while it has somebody to go to. */
const LEARNED_MS = 10_000;
/** So often at most it is asked for. */
const ASK_MS = 500;
/** When the second relay is tried: at first, and later; half of it to one and a half times. */
const CHECK_MS = 2_000;
const CHECK_AGAIN_MS = 300_000;

export interface RoomRelaysSetup {
  target: RelayTarget;
  connector: Connector;
  environment: Environment;
}

/** The relays of a room as one client knows them: who there is, how near each one is, which to dial. */
export class RoomRelays {
  readonly #setup: RoomRelaysSetup;
  readonly #choice: RelayChoice;
  #learnedMs = Number.NEGATIVE_INFINITY;
  #askedMs = Number.NEGATIVE_INFINITY;
  #checking: Dialling | undefined;
  #checkTimer: unknown;
  #stopped = false;

  constructor(setup: RoomRelaysSetup) {
    this.#setup = setup;
    this.#choice = new RelayChoice(setup.environment.random());
    const { relays } = setup.target;
    this.#know(typeof relays === 'object' ? relays : []);
  }

  hasOther({ url }: RelayCandidate): boolean {
    return this.#choice.ranked(0).some((relay) => relay.url !== url);
  }

  opened({ relay, connectMs }: Pick<Dialled, 'relay' | 'connectMs'>): void {
    this.#choice.opened(relay.url, connectMs, this.#setup.environment.nowMs());
  }

  failed({ url }: RelayCandidate): void {
    this.#choice.failed(url, this.#setup.environment.nowMs());
  }

  drains({ url }: RelayCandidate): void {
    this.#choice.drains(url, this.#setup.environment.nowMs());
  }

  forgive(): void {
    this.#choice.forgive();
  }

  /**
   * Asks which relays there are; undefined: nobody is to be asked. Who does not answer leaves what was known.
   * @param left URL of the relay that is gone or going
   */
  learn(left?: string): Promise<void> | undefined {
    const { target, environment } = this.#setup;
    const { relays } = target;
    const nowMs = environment.nowMs();
    if (typeof relays !== 'function' || nowMs - this.#askedMs < ASK_MS) return undefined;
    if (nowMs - this.#learnedMs < LEARNED_MS && this.#choice.hasGood(nowMs)) return undefined;
    this.#askedMs = nowMs;
    const ask = async () => {
      this.#know(await withLimit(relays(left === undefined ? {} : { left }), environment, LEARN_LIMIT_MS));
      this.#learnedMs = environment.nowMs();
    };
    return ask().catch(() => {});
  }

  /** Whom to dial when nothing is known yet. */
  first(): { relay: RelayCandidate; afterMs: number }[] {
    const { environment } = this.#setup;
    return this.#choice.first(environment.nowMs()).map((relay, nth) => ({ relay, afterMs: nth * NEAR_MS }));
  }

  /**
   * Whom to dial instead of the relay at `url`. `silent`: it said no more, and it may be the network that was away: then the old
   * place is the best one, if it answers as soon.
   */
  instead(url: string | undefined, silent: boolean): { relay: RelayCandidate; afterMs: number }[] {
    const ranked = this.#choice.ranked(this.#setup.environment.nowMs());
    const others = ranked.filter((relay) => relay.url !== url);
    // One address may stand for many relays.
    const best = others.length > 0 ? others.slice(0, MOST_DIALLED) : ranked;
    const list = best.map((relay, nth) => ({ relay, afterMs: nth * SPARE_MS }));
    const left = ranked.find((relay) => relay.url === url);
    if (silent && left && others.length > 0) list.splice(1, 0, { relay: left, afterMs: 0 });
    return list;
  }

  /** Those that `dialling` won against may still open, to be known. The relay that would be next is tried soon. */
  settled(dialling: Dialling | undefined, present: () => string | undefined): void {
    this.#checking?.stop();
    this.#checking = dialling;
    this.#armCheck(CHECK_MS, present);
  }

  stop(): void {
    this.#stopped = true;
    this.#setup.environment.clearTimer(this.#checkTimer);
    this.#checking?.stop();
  }

  #know(relays: readonly RelayCandidate[]): void {
    const { url, certificateHashes } = this.#setup.target;
    const own = { url, ...(certificateHashes && { certificateHashes }) };
    this.#choice.learn(relays.some((relay) => relay.url === url) ? relays : [own, ...relays]);
  }

  #armCheck(afterMs: number, present: () => string | undefined): void {
    const { environment, target } = this.#setup;
    environment.clearTimer(this.#checkTimer);
    if (this.#choice.size < 2 && typeof target.relays !== 'function') return;
    const waitMs = afterMs * (0.5 + environment.random());
    this.#checkTimer = environment.setTimer(() => void this.#check(present), waitMs);
  }

  /** The relay that would be next is known to answer, and how near it is. */
  async #check(present: () => string | undefined): Promise<void> {
    const { connector, environment } = this.#setup;
    this.#armCheck(CHECK_AGAIN_MS, present);
    await this.learn();
    if (this.#stopped) return;
    const nowMs = environment.nowMs();
    const second = this.#choice.ranked(nowMs).find(({ url }) => url !== present());
    if (!second || nowMs - this.#choice.measuredMs(second.url) < CHECK_AGAIN_MS / 2) return;
    this.#checking?.stop();
    this.#checking = new Dialling({
      relays: [{ relay: second, afterMs: 0 }],
      connector,
      environment,
      onOpened: (dialled) => {
        dialled.session.close();
        this.opened(dialled);
      },
      onMeasured: () => {},
      onFailed: (relay) => this.failed(relay),
      onOver: () => {},
    });
  }
}
