import type { BranchAction, Place, RelayId } from './types.ts';
import { successorOf, turnOf, type UpstreamOptions } from './upstream.ts';

/** How often a place that leads nowhere is looked up again. */
const LOOKUP_MS = 500;
/** After claims that came to nothing, twice as long each time. Where the directory is away they fail at once. */
const CLAIM_AGAIN_MS = { first: 10, most: 500 };
/** Who is not the first to claim waits so long for each relay before it. */
const CLAIM_STEP_MS = 100;
const MAX_CLAIM_STEPS = 5;

export interface StandingOptions {
  self: { id: RelayId; region: string };
  first: UpstreamOptions['first'];
  mayClaim(origin: RelayId): boolean;
  random(): number;
}

/** Where a room stands as one relay knows it: its home and origin, and whether this relay is to become the origin. */
export class Standing {
  readonly #options: StandingOptions;
  #place: Place | undefined;
  #numbering: string | undefined;
  #draining = false;
  /** A claim is under way. */
  #claiming = false;
  #claimAtMs: number | undefined;
  #nextClaimMs = Number.NEGATIVE_INFINITY;
  #claimAgainMs = CLAIM_AGAIN_MS.first;
  /** The origin could not be reached, and was not since. */
  #suspected = false;
  #lookupMs = Number.NEGATIVE_INFINITY;
  #authority = false;
  #authorityMs = Number.NEGATIVE_INFINITY;

  constructor(options: StandingOptions) {
    this.#options = options;
  }

  get place(): Place | undefined {
    return this.#place;
  }

  /** As in `welcome`; undefined while the origin was not heard. */
  get numbering(): string | undefined {
    return this.#numbering;
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** This relay is the origin. */
  get here(): boolean {
    return this.#place?.origin === this.#options.self.id;
  }

  /** The room knows that this relay is the origin. */
  get authority(): boolean {
    return this.#authority;
  }

  /** Of an origin that is to go: who comes after it. Undefined also when nobody can. */
  get successor(): RelayId | undefined {
    if (!this.#place || !this.here || !this.#draining || this.#place.closed) return undefined;
    return successorOf({ place: this.#place, first: this.#options.first });
  }

  /** Since when, ms. */
  get authorityMs(): number {
    return this.#authorityMs;
  }

  /** Two regions that opened one room apart agree later: then the directory's word counts, whatever the epoch. */
  placed(place: Place): void {
    if (this.#place && place.home === this.#place.home) this.heard(place);
    else this.#adopt(place);
  }

  /** From another relay. */
  heard({ home, origin, epoch, closed }: Place): void {
    if (origin === '' || (this.#place && epoch < this.#place.epoch)) return;
    if (this.#place && epoch === this.#place.epoch && (!closed || this.#place.closed)) return;
    this.#adopt({ home, origin, epoch, ...(closed ? { closed } : {}) });
  }

  /** An origin that has had the room goes on counting; one that is new to it begins anew. */
  numbered(numbering: string | undefined): void {
    if (!this.here && numbering !== undefined) this.#numbering = numbering;
  }

  /** As messages between relays carry it. */
  told(room: string): { room: string; epoch: number; home: string; origin: string; numbering?: string } {
    const { epoch, home, origin } = this.#place ?? { epoch: 0, home: '', origin: '' };
    return { room, epoch, home, origin, ...(this.#numbering === undefined ? {} : { numbering: this.#numbering }) };
  }

  drain(): void {
    this.#draining = true;
  }

  unclaimed(nowMs: number): void {
    this.#claiming = false;
    this.#nextClaimMs = nowMs + this.#claimAgainMs;
    this.#claimAgainMs = Math.min(2 * this.#claimAgainMs, CLAIM_AGAIN_MS.most);
  }

  /** The origin cannot be reached: a relay of the home region takes the room over, the first by rank at once. */
  originLost(): void {
    this.#suspected = !this.here;
  }

  originFound(): void {
    this.#suspected = false;
    this.#claimAtMs = undefined;
  }

  /**
   * What is due now. `rooted`: the way to the origin is known. `prepared`: whether the room of an origin that is to go may be given to
   * its successor.
   */
  due(rooted: boolean, prepared: (successor: RelayId) => boolean, nowMs: number): BranchAction[] {
    const place = this.#place;
    if (!place) return this.lookup(nowMs);
    const { here } = this;
    const actions: BranchAction[] = rooted ? [] : this.lookup(nowMs);
    if (here !== this.#authority) {
      this.#authority = here;
      this.#authorityMs = nowMs;
      actions.push({ do: 'authority', here });
    }
    if (here) this.#numbering ??= `${place.home}/${Math.floor(this.#options.random() * 2 ** 52).toString(36)}`;
    if (this.#suspected) this.#suspect(place, nowMs);
    const origin = this.#claimant(prepared, nowMs);
    if (origin !== undefined) {
      this.#claiming = true;
      this.#claimAtMs = undefined;
      actions.push({ do: 'claim', epoch: place.epoch, origin });
    }
    return actions;
  }

  lookup(nowMs: number): BranchAction[] {
    if (nowMs - this.#lookupMs < LOOKUP_MS) return [];
    this.#lookupMs = nowMs;
    return [{ do: 'lookup' }];
  }

  #suspect(place: Place, nowMs: number): void {
    const { self, first, mayClaim } = this.#options;
    if (self.region !== place.home || this.#draining || place.closed || this.#claimAtMs !== undefined) return;
    if (!mayClaim(place.origin)) return;
    this.#claimAtMs = nowMs + turnOf({ self, place, first }, MAX_CLAIM_STEPS) * CLAIM_STEP_MS;
  }

  /** For whom the room is to be claimed now: this relay, or who comes after it. */
  #claimant(prepared: (successor: RelayId) => boolean, nowMs: number): RelayId | undefined {
    if (this.#claiming || nowMs < this.#nextClaimMs) return undefined;
    if (this.here) {
      const { successor } = this;
      return successor !== undefined && prepared(successor) ? successor : undefined;
    }
    return this.#claimAtMs !== undefined && nowMs >= this.#claimAtMs ? this.#options.self.id : undefined;
  }

  #adopt(place: Place): void {
    this.#place = place;
    this.#nextClaimMs = Number.NEGATIVE_INFINITY;
    this.#claimAgainMs = CLAIM_AGAIN_MS.first;
    this.#claiming = false;
    this.#suspected = false;
    this.#claimAtMs = undefined;
  }
}
