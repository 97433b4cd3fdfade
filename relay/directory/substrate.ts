export type BucketKind = 'relays' | 'rooms';

/** The last write of a key. */
export interface Stored {
  key: string;
  /** Undefined: removed. */
  value: string | undefined;
  /** Of the bucket; grows with each write to it. */
  revision: number;
}

/** A write lost against another one. */
export class RevisionConflict extends Error {}

/**
 * What a directory stands on: a bucket of relays and one of rooms in each region, each written by compare-and-set in its own
 * domain and mirrored in all others, and a bus for what need not be kept. Everything rejects with any error, and nothing
 * hangs, while the domain that has to answer is away.
 */
export interface Substrate {
  readonly region: string;
  /** All of the cluster, this one included. */
  readonly regions: readonly string[];
  /** To the own domain. */
  readonly connected: boolean;
  onConnected(callback: (connected: boolean) => void): void;

  /** `near`: the own domain's copy, perhaps behind; `home`: the bucket itself. Undefined: never written, or expired. */
  read(kind: BucketKind, region: string, key: string, where: 'near' | 'home'): Promise<Stored | undefined>;
  /** All keys, and the revision up to which they are complete. */
  list(kind: BucketKind, region: string, where: 'near' | 'home'): Promise<{ entries: Stored[]; revision: number }>;
  /** Revision of the bucket's last write. */
  revision(kind: BucketKind, region: string): Promise<number>;
  /**
   * Writes to the bucket itself and resolves with the new revision once it is durable. `expected`: revision that the key
   * must have, 0 for none; undefined: whatever. `value` undefined removes. `ttlS`: the key is forgotten after that.
   * Rejects with RevisionConflict.
   */
  write(
    kind: BucketKind,
    region: string,
    key: string,
    value: string | undefined,
    options: { expected?: number; ttlS?: number },
  ): Promise<number>;
  /** Writes to buckets of any region, as they are stored; what is lost on a broken line is not repeated. `*`: all keys. */
  onWrite(kind: BucketKind, key: string, callback: (region: string, stored: Stored) => void): () => void;

  /** To all regions, at most once. */
  heartbeat(region: string, id: string, payload: string): void;
  onHeartbeat(region: string, id: string, callback: (payload: string) => void): () => void;
  /** To one relay, at most once. */
  order(region: string, id: string, what: string): void;
  onOrder(id: string, callback: (what: string) => void): () => void;

  shutdown(): Promise<void>;
}
