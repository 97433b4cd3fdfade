import type { Neighbours } from './neighbours.ts';
import type { Pulls } from './pulls.ts';
import type { Standing } from './standing.ts';
import type { BranchAction, BranchOptions, Place, RelayId, RoomMessage } from './types.ts';
import { upstreamOf } from './upstream.ts';

/** A new origin has its room from the old one for so long, unless that pulls from it before. */
const HANDOVER_MS = 1500;

type Of<T extends RoomMessage['t']> = Extract<RoomMessage, { t: T }>;

export interface ParentsOptions {
  branch: BranchOptions;
  standing: Standing;
  pulls: Pulls;
  near: Neighbours;
  children: ReadonlySet<RelayId>;
  /** The parent is another one, or none. */
  parentLost(): void;
  act(action: BranchAction): void;
}

/** Whether whoever says so has a way to the origin that it names. */
const leadsToOrigin = ({ path, origin }: { path: readonly RelayId[]; origin: RelayId }) =>
  origin !== '' && path.at(-1) === origin;

/** The way up: from whom the room is pulled, and how one parent takes another's place without a gap. */
export class Parents {
  readonly #options: ParentsOptions;

  constructor(options: ParentsOptions) {
    this.#options = options;
  }

  /** A peer has answered. It is the parent from now on, unless the present one is better. */
  pulling(peer: RelayId, message: Of<'pulling'>, nowMs: number): void {
    const { branch, standing, pulls, near } = this.#options;
    const former = pulls.parent;
    if (message.path.includes(branch.self.id)) {
      if (pulls.matches(peer, message.id)) this.leave(peer, nowMs);
      return;
    }
    if (former !== undefined && former !== peer && !leadsToOrigin(message)) {
      if (pulls.hold(peer, message.id, nowMs)) return;
    }
    if (!pulls.answered(peer, message.id, message.path)) return;
    standing.heard(message);
    standing.numbered(message.numbering);
    near.crowds.heard(peer, message.people, message.viewers);
    near.add(peer, message.alias, message.livers);
    this.#send(peer, { t: 'ready', room: branch.room });
    if (former !== undefined && former !== peer) this.#retire(former, peer, nowMs);
  }

  pathChanged(peer: RelayId, message: Of<'path'>, nowMs: number): void {
    const { branch, standing, pulls } = this.#options;
    if (!pulls.has(peer) || pulls.isRetired(peer)) return;
    if (pulls.held(peer)) {
      if (leadsToOrigin(message)) pulls.again(peer);
      return;
    }
    pulls.setPath(peer, message.path);
    standing.heard(message);
    standing.numbered(message.numbering);
    if (message.path.includes(branch.self.id)) this.leave(peer, nowMs);
  }

  refused(peer: RelayId, { id, code }: Of<'refused'>, nowMs: number): void {
    const { standing, pulls, act } = this.#options;
    if (!pulls.matches(peer, id)) return;
    pulls.avoid(peer, code === 'draining', nowMs);
    // A parent that is to go serves until there is another.
    if (code === 'draining' && peer === pulls.parent) return;
    this.end(peer);
    if (code === 'room_closed') for (const action of standing.lookup(nowMs)) act(action);
  }

  /** The link to the peer is gone. */
  lost(peer: RelayId, nowMs: number): void {
    const { pulls, near, parentLost } = this.#options;
    const pulled = pulls.has(peer);
    const wasParent = peer === pulls.parent;
    pulls.end(peer);
    if (wasParent) parentLost();
    near.drop(peer);
    if (pulled) pulls.avoid(peer, false, nowMs);
  }

  /** The peer cannot be the parent now. */
  leave(peer: RelayId, nowMs: number): void {
    this.#options.pulls.avoid(peer, false, nowMs);
    this.end(peer);
  }

  end(peer: RelayId): void {
    const { branch, pulls, near, children, parentLost } = this.#options;
    const wasParent = peer === pulls.parent;
    if (pulls.end(peer)) this.#send(peer, { t: 'unpull', room: branch.room });
    if (wasParent) parentLost();
    if (!children.has(peer)) near.drop(peer);
  }

  /** Former parents whose time is over. */
  endRetired(nowMs: number): void {
    for (const peer of this.#options.pulls.over(nowMs)) this.end(peer);
  }

  /** Those that did not answer in time. */
  endLate(nowMs: number): void {
    for (const peer of this.#options.pulls.late(nowMs)) this.leave(peer, nowMs);
  }

  /** The origin pulls from nobody; a new one does for a moment, so that nothing is lost. */
  lead(nowMs: number): void {
    const { standing, pulls } = this.#options;
    for (const peer of pulls.peers()) {
      const over = nowMs >= standing.authorityMs + HANDOVER_MS;
      if (over || (peer !== pulls.parent && !pulls.isRetired(peer))) this.end(peer);
    }
  }

  /** Whoever is not the origin pulls from its parent, while the room is needed. */
  follow(place: Place, needed: boolean, nowMs: number): void {
    const { pulls, act, branch } = this.#options;
    const { linked } = branch;
    const target = needed ? this.#target(place, nowMs) : undefined;
    for (const peer of pulls.peers()) {
      // The parent that holds is kept until there is another one.
      const kept = needed && (peer === pulls.parent || pulls.isRetired(peer));
      if (peer !== target && !kept) this.end(peer);
    }
    if (target === undefined) return;
    if (pulls.isRetired(target)) this.end(target);
    if (!pulls.has(target)) {
      pulls.begin(target, nowMs);
      if (!linked(target)) act({ do: 'dial', peer: target });
    }
    if (linked(target)) this.#pull(target, nowMs);
  }

  /**
   * Who is dialled now is waited for, and not given up for one that is better and would have to be dialled: that may be the
   * parent that has just died, while the directory does not know it yet.
   */
  #target(place: Place, nowMs: number): RelayId | undefined {
    const { pulls, branch } = this.#options;
    const { self, first, linked } = branch;
    const avoided = pulls.avoided(nowMs);
    const best = upstreamOf({ self, place, avoided, first });
    if (best === undefined || pulls.parent !== undefined || pulls.has(best) || linked(best)) return best;
    const next = upstreamOf({ self, place, avoided: new Set([...avoided, best]), first });
    return next !== undefined && pulls.has(next) ? next : best;
  }

  /** Media goes on over the former parent for a moment; all else is the new one's at once. */
  #retire(former: RelayId, parent: RelayId, nowMs: number): void {
    const { branch, pulls, near, parentLost } = this.#options;
    // What it was asked it may answer when nobody listens to it any more.
    parentLost();
    pulls.retire(former, nowMs);
    near.retire(former, parent);
    this.#send(former, { t: 'crowd', room: branch.room, people: 0, viewers: 0 });
  }

  #pull(peer: RelayId, nowMs: number): void {
    const { branch, standing, pulls, near } = this.#options;
    const id = pulls.ask(peer, nowMs);
    if (id === undefined) return;
    const { room, alias, lastComment } = branch;
    const after = lastComment();
    const livers = near.routes.offer(peer, pulls.parent);
    this.#send(peer, {
      ...{ t: 'pull', ...standing.told(room), id, alias, livers },
      ...near.crowds.below(pulls.parent),
      ...(after === 0 ? {} : { after }),
    });
  }

  #send(peer: RelayId, message: RoomMessage): void {
    this.#options.act({ do: 'send', peer, message });
  }
}
