import type { Logger } from 'pino';
import { type Directory, DirectoryError, type RoomEntry } from '../directory/index.ts';
import type { ClusterGifts } from '../gifts/cluster.ts';
import type { RoomEvent } from '../room/types.ts';
import { wallMs } from '../telemetry/traces/clock.ts';
import type { HandOverTraces } from '../telemetry/traces/hand-overs.ts';
import type { Bridge } from '../trunk/bridge.ts';
import type { Links } from '../trunk/links.ts';
import type { RelayId } from '../trunk/types.ts';
import type { ChildComments } from './child-comments.ts';
import type { HostedRoom } from './rooms.ts';
import type { TrunkMedia } from './trunk-media.ts';

/** A room of this relay and what makes it one with the other relays' rooms of that name. */
export interface Member {
  hosted: HostedRoom;
  bridge: Bridge;
  media: TrunkMedia;
  comments: ChildComments;
  unwatch: () => void;
  wantedUntilMs: number;
  lookingUp: boolean;
  /** Where the directory put it last. */
  placed: Pick<RoomEntry, 'origin' | 'epoch'> | undefined;
  /** Who waits until the way to the origin is there. */
  waiting: (() => void)[];
}

interface PlacementOptions {
  self: { id: RelayId; region: string };
  directory: Directory;
  links: Pick<Links, 'connect' | 'peers'>;
  /** Of a relay that takes gifts. */
  gifts?: Pick<ClusterGifts, 'origin'> | undefined;
  traces: HandOverTraces | undefined;
  log: Logger;
}

interface PlacementHost {
  /** False: the room is gone. */
  has(member: Member): boolean;
  dispatch(hosted: HostedRoom, event: RoomEvent): void;
}

/** Where rooms live, as the directory says it, and becoming their origin. */
export class Placement {
  readonly #options: PlacementOptions;
  readonly #host: PlacementHost;

  constructor(options: PlacementOptions, host: PlacementHost) {
    this.#options = options;
    this.#host = host;
  }

  /** Asks the directory, and makes a room that somebody wants and nobody has. One question at a time. */
  async lookup(member: Member): Promise<void> {
    const { directory, self, log } = this.#options;
    if (member.lookingUp) return;
    member.lookingUp = true;
    const { name } = member.hosted;
    try {
      const found = await directory.lookup(name);
      const wanted = member.hosted.room.peopleCount > 0 || member.waiting.length > 0;
      // Nobody has it: it lives where somebody wants it first.
      if (found && (!found.closed || !wanted)) this.placed(member, found);
      else if (wanted) this.placed(member, await directory.open(name, self.region, self.id));
    } catch (error) {
      log.debug({ room: name, err: error }, 'the directory does not say where the room is');
    } finally {
      member.lookingUp = false;
    }
  }

  /** This relay becomes the room's origin instead of `origin`, unless another one already is. */
  async claim(member: Member, epoch: number, origin: RelayId): Promise<void> {
    const { directory, log, traces } = this.#options;
    const { name } = member.hosted;
    const startMs = traces ? wallMs() : 0;
    // The directory may tell of it before it answers.
    const former = member.placed?.origin;
    try {
      const entry = await directory.claim(name, epoch, origin);
      traces?.claimed(name, entry.epoch, { former, origin }, startMs);
      log.info({ room: name, origin, epoch: entry.epoch }, 'the room has another origin');
      this.placed(member, entry);
    } catch (error) {
      log.info({ room: name, origin, epoch, err: error }, 'the room could not be claimed');
      this.#handle(member, { type: 'unclaimed' });
      if (error instanceof DirectoryError && error.entry) this.placed(member, error.entry);
    }
  }

  /** Where the room is now; one that is closed ends here. */
  placed(member: Member, { home, origin, epoch, closed }: RoomEntry): void {
    const { self, gifts, traces } = this.#options;
    const before = member.placed;
    const startMs = traces ? wallMs() : 0;
    member.placed = { origin, epoch };
    const here = origin === self.id && home === self.region && !closed;
    if (this.#host.has(member)) gifts?.origin(member.hosted.name, here ? epoch : undefined);
    this.#handle(member, { type: 'placed', place: { home, origin, epoch, ...(closed ? { closed } : {}) } });
    if (here && before && before.epoch < epoch) traces?.took(member.hosted.name, epoch, startMs);
    if (closed && this.#host.has(member) && member.hosted.room.memberCount > 0) {
      this.#host.dispatch(member.hosted, { type: 'close' });
    }
  }

  /** Who reaches nobody may be cut off itself; another relay, whichever, is a witness that it is not. */
  mayClaim(origin: RelayId): boolean {
    const { self, directory, links } = this.#options;
    const relays = directory.relays();
    if (links.peers().length > 0 || !relays.some(({ id }) => id === origin)) return true;
    const witness = relays.find(({ id }) => id !== origin && id !== self.id);
    if (witness) links.connect(witness.id);
    return false;
  }

  /** Not after the room is gone. */
  #handle(member: Member, event: Parameters<Bridge['handle']>[0]): void {
    if (this.#host.has(member)) member.bridge.handle(event);
  }
}
