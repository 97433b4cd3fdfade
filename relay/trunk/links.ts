import type { TrunkMessage } from '@hayate/codec/messages';
import type { Session } from '@hayate/transport';
import { Link } from './link.ts';
import type { RelayId } from './types.ts';

const TICK_MS = 100;
/** Of two that dial each other at once, the session of the lower name stays; the other may come so much later. */
const CROSSING_MS = 2000;
const UNKNOWN_MS = 100;

export interface LinksOptions {
  self: { id: RelayId; region: string };
  /** Opens a session to this relay; undefined: nobody knows where it is. Datagram mode `trunk` is the caller's matter. */
  dial(peer: RelayId): Session | undefined;
  /** The relay whose certificate the peer of this session has shown; undefined: none of the cluster. */
  identity(session: Session): RelayId | undefined;
  nowMs(): number;
  onLink(peer: RelayId, up: boolean, reason: string): void;
  onMessage(peer: RelayId, message: TrunkMessage): void;
}

interface Open {
  link: Link;
  region: string;
  sinceMs: number;
}

/** The links of one relay to others of its cluster: dialled when wanted, one a peer, dead when silent for 600 ms. */
export class Links {
  readonly #options: LinksOptions;
  readonly #open = new Map<RelayId, Open>();
  readonly #dialling = new Map<RelayId, Link>();
  /** Wanted, but nobody knows where they are. */
  readonly #unknown = new Set<RelayId>();
  /** Accepted, and not introduced yet. */
  readonly #waiting = new Set<Link>();
  readonly #timer: ReturnType<typeof setInterval>;
  #tickedMs: number;
  #closed = false;

  constructor(options: LinksOptions) {
    this.#options = options;
    this.#tickedMs = options.nowMs();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  linked(peer: RelayId): boolean {
    return this.#open.has(peer);
  }

  session(peer: RelayId): Session | undefined {
    return this.#open.get(peer)?.link.session;
  }

  /** Those that are open. */
  peers(): { peer: RelayId; region: string; session: Session; sinceMs: number }[] {
    return [...this.#open].map(([peer, { link, region, sinceMs }]) => ({
      peer,
      region,
      session: link.session,
      sinceMs,
    }));
  }

  /** `onLink` tells what became of it. Does nothing while there is a link or one is being dialled. */
  connect(peer: RelayId): void {
    if (this.#closed || this.#open.has(peer) || this.#dialling.has(peer) || this.#unknown.has(peer)) return;
    const session = this.#options.dial(peer);
    if (!session) {
      // Later, and once: whoever hears of it may want it again.
      this.#unknown.add(peer);
      setTimeout(() => {
        this.#unknown.delete(peer);
        if (!this.#closed) this.#options.onLink(peer, false, 'nobody knows where it is');
      }, UNKNOWN_MS);
      return;
    }
    const link = this.#link(session, peer);
    this.#dialling.set(peer, link);
    link.start();
  }

  /** A session that another relay has opened. */
  accept(session: Session): void {
    if (this.#closed) {
      session.close({ closeCode: 0, reason: 'going away' });
      return;
    }
    const link = this.#link(session, undefined);
    this.#waiting.add(link);
    link.start();
  }

  send(peer: RelayId, message: TrunkMessage): void {
    this.#open.get(peer)?.link.send(message);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    const links = [...this.#dialling.values(), ...this.#waiting, ...[...this.#open.values()].map(({ link }) => link)];
    for (const link of links) link.close('going away');
  }

  #link(session: Session, dialled: RelayId | undefined): Link {
    const { self, nowMs, identity } = this.#options;
    const link: Link = new Link({
      session,
      self,
      dialled: dialled !== undefined,
      nowMs,
      refusal: (peer) => {
        if (identity(session) !== peer || peer === self.id) return 'not who the certificate says';
        if (dialled !== undefined && peer !== dialled) return 'not who was dialled';
        return dialled === undefined && this.#isCrossed(peer) ? 'crossed' : undefined;
      },
      events: {
        open: (peer, region) => this.#opened(link, peer, region),
        message: (message) => {
          if (link.peer !== undefined && this.#open.get(link.peer)?.link === link) {
            this.#options.onMessage(link.peer, message);
          }
        },
        end: (reason) => this.#ended(link, dialled, reason),
      },
    });
    return link;
  }

  /** Both dialled, and the session that stays is the one from here. */
  #isCrossed(peer: RelayId): boolean {
    const { self, nowMs } = this.#options;
    if (self.id > peer) return false;
    const open = this.#open.get(peer);
    return this.#dialling.has(peer) || (open?.link.dialled === true && nowMs() - open.sinceMs < CROSSING_MS);
  }

  #opened(link: Link, peer: RelayId, region: string): void {
    this.#waiting.delete(link);
    const former = this.#open.get(peer)?.link;
    this.#open.set(peer, { link, region, sinceMs: this.#options.nowMs() });
    const crossing = this.#dialling.get(peer);
    this.#dialling.delete(peer);
    if (crossing !== undefined && crossing !== link) crossing.close('crossed');
    if (former) {
      // It has begun anew, and knows nothing of the former one.
      former.close('replaced');
      this.#options.onLink(peer, false, 'replaced');
    }
    this.#options.onLink(peer, true, '');
  }

  #ended(link: Link, dialled: RelayId | undefined, reason: string): void {
    this.#waiting.delete(link);
    const peer = link.peer ?? dialled;
    if (peer === undefined) return;
    const wasDialling = this.#dialling.get(peer) === link;
    const wasOpen = this.#open.get(peer)?.link === link;
    if (wasDialling) this.#dialling.delete(peer);
    if (wasOpen) this.#open.delete(peer);
    if (wasDialling || wasOpen) this.#options.onLink(peer, false, reason);
  }

  #tick(): void {
    const now = this.#options.nowMs();
    const lateMs = Math.max(0, now - this.#tickedMs - 2 * TICK_MS);
    this.#tickedMs = now;
    for (const { link } of [...this.#open.values()]) link.tick(lateMs);
    for (const link of [...this.#dialling.values(), ...this.#waiting]) link.tick(lateMs);
  }
}
