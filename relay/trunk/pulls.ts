import type { RelayId } from './types.ts';

const ANSWER_MS = 1000;
/** After a refusal or a dead link the peer is asked again; spread, so that two that refuse each other do not do so for ever. */
const AVOID_MS = 250;
const AVOID_DRAINING_MS = 30_000;
/** A parent that is new to the room finds its way to the origin within so long: a dial and an answer over an ocean, twice. */
const WAY_MS = 3000;

/** Two ways over an ocean and back, and what a busy machine adds. */
const OVERLAP_MS = 500;

interface Pull {
  peer: RelayId;
  /** Of the `pull` that was sent; undefined: there is no link yet. */
  id: number | undefined;
  live: boolean;
  /** It answered and has no way to the origin yet: asked again once it says that it does. */
  held: boolean;
  /** It was waited for long enough: its next answer is taken, whatever way it has. */
  forced: boolean;
  /** It was the parent: both give and take until then, so that nothing is lost while the others' ways change. */
  retiresMs: number | undefined;
  path: readonly RelayId[];
  deadlineMs: number;
}

/** From whom a room is pulled: the parent that holds, and the one that is to take its place. */
export class Pulls {
  readonly #pulls = new Map<RelayId, Pull>();
  readonly #avoid = new Map<RelayId, number>();
  readonly #random: () => number;
  #parent: RelayId | undefined;
  #nextId = 1;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** The parent whose pull holds. */
  get parent(): RelayId | undefined {
    return this.#parent;
  }

  /** From the parent to the origin; empty without one. */
  get path(): readonly RelayId[] {
    return this.#parent === undefined ? [] : this.#pulls.get(this.#parent)!.path;
  }

  has(peer: RelayId): boolean {
    return this.#pulls.has(peer);
  }

  peers(): RelayId[] {
    return [...this.#pulls.keys()];
  }

  /** Failed or refused lately. */
  avoided(nowMs: number): ReadonlySet<RelayId> {
    for (const [peer, untilMs] of this.#avoid) if (nowMs >= untilMs) this.#avoid.delete(peer);
    return new Set(this.#avoid.keys());
  }

  avoid(peer: RelayId, draining: boolean, nowMs: number): void {
    const ms = draining ? AVOID_DRAINING_MS : AVOID_MS * (1 + this.#random());
    this.#avoid.set(peer, nowMs + ms);
  }

  forgive(peer: RelayId): void {
    this.#avoid.delete(peer);
  }

  /** A pull to this peer is wanted; `send` says so when a link is there. */
  begin(peer: RelayId, nowMs: number): void {
    this.#pulls.set(peer, {
      peer,
      id: undefined,
      live: false,
      held: false,
      forced: false,
      retiresMs: undefined,
      path: [],
      deadlineMs: nowMs + ANSWER_MS,
    });
  }

  /** The number under which it is asked now; undefined: it has been. */
  ask(peer: RelayId, nowMs: number): number | undefined {
    const pull = this.#pulls.get(peer);
    if (!pull || pull.id !== undefined) return undefined;
    pull.id = this.#nextId++;
    pull.deadlineMs = nowMs + ANSWER_MS;
    return pull.id;
  }

  /** False: an answer to something older. */
  answered(peer: RelayId, id: number, path: readonly RelayId[]): boolean {
    const pull = this.#pulls.get(peer);
    if (!pull || pull.id !== id) return false;
    pull.live = true;
    pull.path = path;
    this.#parent = peer;
    return true;
  }

  /**
   * An answer that is not taken yet: the present parent is better than one that has no way to the origin. False: it has been
   * waited for long enough.
   */
  hold(peer: RelayId, id: number, nowMs: number): boolean {
    const pull = this.#pulls.get(peer);
    if (!pull || pull.id !== id) return true;
    if (pull.forced) return false;
    pull.held = true;
    pull.deadlineMs = nowMs + WAY_MS;
    return true;
  }

  held(peer: RelayId): boolean {
    return this.#pulls.get(peer)?.held === true;
  }

  /** What is held is asked once more: what it has may be other by now. */
  again(peer: RelayId): void {
    const pull = this.#pulls.get(peer);
    if (pull) Object.assign(pull, { id: undefined, held: false });
  }

  /** A parent whose place another has taken. */
  retire(peer: RelayId, nowMs: number): void {
    const pull = this.#pulls.get(peer);
    if (pull) pull.retiresMs = nowMs + OVERLAP_MS;
  }

  retired(): RelayId[] {
    return [...this.#pulls.values()].filter(({ retiresMs }) => retiresMs !== undefined).map(({ peer }) => peer);
  }

  isRetired(peer: RelayId): boolean {
    return this.#pulls.get(peer)?.retiresMs !== undefined;
  }

  /** Retired ones that may go. */
  over(nowMs: number): RelayId[] {
    const over = ({ retiresMs = Number.POSITIVE_INFINITY }: Pull) => nowMs >= retiresMs;
    return [...this.#pulls.values()].filter(over).map(({ peer }) => peer);
  }

  /** Whether the refusal is of a pull that is there. */
  matches(peer: RelayId, id: number | undefined): boolean {
    const pull = this.#pulls.get(peer);
    return pull !== undefined && (id === undefined || id === pull.id);
  }

  setPath(peer: RelayId, path: readonly RelayId[]): void {
    const pull = this.#pulls.get(peer);
    if (pull) pull.path = path;
  }

  /** True: the peer was asked, so that it has to be told. */
  end(peer: RelayId): boolean {
    const asked = this.#pulls.get(peer)?.id !== undefined;
    this.#pulls.delete(peer);
    if (this.#parent === peer) this.#parent = undefined;
    return asked;
  }

  /** Those that were not answered in time. Who was held that long is asked once more, and taken. */
  late(nowMs: number): RelayId[] {
    for (const pull of this.#pulls.values()) {
      if (!pull.held || nowMs < pull.deadlineMs) continue;
      Object.assign(pull, { id: undefined, held: false, forced: true, deadlineMs: nowMs + ANSWER_MS });
    }
    const late = (pull: Pull) => !pull.live && nowMs >= pull.deadlineMs;
    return [...this.#pulls.values()].filter(late).map(({ peer }) => peer);
  }
}
