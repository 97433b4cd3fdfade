export interface RelayLoad {
  viewers: number;
  rooms: number;
  /** Share of one core, 0 to 1. */
  cpu: number;
  /** Bytes a second towards viewers and peers. */
  egressBps: number;
  /**
   * Gifts that only this machine has, or that the backend has still to take from here. While there are any, or it is not
   * known, the machine must not be removed.
   */
  giftsHeld?: number;
}

/** What a relay says of itself. */
export interface RelayEntry {
  /** Unique in the cluster, as in its certificate. */
  id: string;
  region: string;
  /** For clients: `https://HOST:PORT/v1`. */
  url: string;
  /** SHA-256 of the certificates that clients may pin, hex; empty for one of a public CA. */
  certificateHashes: readonly string[];
  /** Where other relays dial. */
  trunk: { host: string; port: number };
  load: RelayLoad;
  /** Takes no new sessions. */
  draining: boolean;
}

/** A relay as this one knows it. */
export interface KnownRelay extends RelayEntry {
  /**
   * `load` is from a heartbeat of the last seconds. A relay hears those of a few others only (docs/directory.md, "Heartbeats");
   * of the rest it knows the load as of their last announcement.
   */
  loadFresh: boolean;
}

/** Where a room lives. */
export interface RoomEntry {
  room: string;
  /** Region whose domain alone raises the epoch. */
  home: string;
  /** Id of the relay that gives slots, generations and numbers: one of the home region. */
  origin: string;
  /** Grows with each change of origin or home. */
  epoch: number;
  closed?: true;
}

export interface DirectoryHealth {
  /** To the region's own NATS. Without it everything goes on by what is known, and writes fail. */
  connected: boolean;
  /** ms since 1970 of the last change of `connected`. */
  since: number;
  relays: number;
  /** Rooms known, watched ones included. */
  rooms: number;
  watched: number;
  /** By other region: whether a heartbeat came from there within the last seconds. */
  reachable: Readonly<Record<string, boolean>>;
}

/**
 * The relays and rooms of a cluster as one relay sees them. Entries are read-only; `relays()` and a lookup of a watched
 * room do no I/O.
 *
 * Errors are `DirectoryError`s: `directory_unavailable` (retryable), `epoch_conflict`, `room_unknown`, `directory_closed`.
 */
export interface Directory {
  /** Of this relay. */
  readonly region: string;
  /**
   * What this relay is now. It heartbeats from then on with the last load given, so calls may be as frequent as the load
   * changes; a change of anything else, draining included, goes to everybody at once. Others drop it 3 s after the last
   * heartbeat. With NATS away it is made up for later.
   */
  announce(entry: RelayEntry): void;
  /** This relay is gone for the others at once. Resolves at the latest after the request timeout, even if that failed. */
  withdraw(): Promise<void>;
  /**
   * Those that live, by id, this relay included once announced. The array is the same until membership changes; loads in
   * it go on.
   */
  relays(): readonly KnownRelay[];
  /** Told when somebody comes, goes or changes (draining, address), not of loads. Gives the way to stop it. */
  onRelays(callback: () => void): () => void;
  /**
   * Where a room lives; undefined when nobody opened it. A closed room is found for an hour with `closed`. From memory when
   * it is watched or was asked for within the last second; with NATS away from whatever is known.
   * @throws DirectoryError `directory_unavailable` where nothing is known and nobody can be asked
   */
  lookup(room: string): Promise<RoomEntry | undefined>;
  /**
   * What is there, or a new room of these. Two regions that open one room at once, or each on its side of a cut, both
   * succeed; once they see each other the earlier stays, everywhere, and watchers of the other are told.
   * @throws DirectoryError `directory_unavailable`
   */
  open(room: string, home: string, origin: string): Promise<RoomEntry>;
  /**
   * Makes `origin` the room's, by compare-and-set in its home domain: of several at once one succeeds. The same claim again
   * is answered as the first time.
   * @throws DirectoryError `epoch_conflict` (with the entry), `room_unknown`, `directory_unavailable`
   */
  claim(room: string, expectedEpoch: number, origin: string): Promise<RoomEntry>;
  /**
   * Told of each change of the room's entry, from the first known state on. What NATS loses on the way is made up for
   * within a minute, at once after a cut.
   */
  watch(room: string, callback: (entry: RoomEntry) => void): () => void;
  /**
   * Takes a room to another origin, perhaps of another region. The old home is fenced first, so that both domains must
   * answer.
   * @throws DirectoryError `room_unknown`, `epoch_conflict`, `directory_unavailable`
   */
  move(room: string, to: { home: string; origin: string }): Promise<RoomEntry>;
  /** Nothing happens to a room that is unknown or closed. @throws DirectoryError `directory_unavailable` */
  close(room: string): Promise<void>;
  /** Asks a relay to drain and to stay. Perhaps it does not hear it: to be said again until its entry shows it. */
  orderDrain(relay: Pick<RelayEntry, 'id' | 'region'>): void;
  /** Told each time that the relay of this id, of the own region, is asked to drain. Gives the way to stop it. */
  onDrainOrder(id: string, callback: () => void): () => void;
  health(): DirectoryHealth;
  /** Withdraws, ends watches and lets go of NATS. */
  shutdown(): Promise<void>;
}
