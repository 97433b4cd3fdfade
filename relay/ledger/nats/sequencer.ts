import type { PlacedRecord } from '../types.ts';

/** A gift or an amendment as its region has it. */
export interface Arrival {
  region: string;
  /** Its sequence in that region's ledger. */
  id: number;
  record: Omit<PlacedRecord, 'id' | 'sequence'>;
}

/** Records that got their places in one step, and up to where every region's ledger is placed after it. */
export interface Placement {
  /** Of the room's origin that wrote it. */
  epoch: number;
  /** Place of the first record; what the next one is to be where there are none. */
  first: number;
  records: PlacedRecord[];
  /** Region to id: all records of the room up to here have places. */
  cursors: Record<string, number>;
}

export interface PlaceHead {
  placement: Placement;
  /** Of the message: what the next one expects. */
  sequence: number;
}

/** Where the places of a room are kept. */
export interface PlaceStore {
  /** The last placement of the room in its home; undefined: none yet. */
  head(): Promise<PlaceHead | undefined>;
  /**
   * Writes the next one behind a sequence (0: the first), durably; gives its sequence.
   * Undefined: another was written meanwhile. Rejects when it is not known whether it was written.
   */
  append(placement: Placement, behind: number): Promise<number | undefined>;
  /** Tells of the room's records of a region after an id, in order and without leaving one out. Gives what ends it. */
  arrivals(region: string, afterId: number, on: (arrival: Arrival) => void): () => void;
}

/** Records of one placement: a room's readers look for a place among so many subjects. */
export const MOST_PLACED = 32;
/** Arrivals that wait in memory; the rest stays in the stream. */
const MOST_WAITING = 1024;

export interface SequencerOptions {
  regions: readonly string[];
  epoch: number;
  store: PlaceStore;
  /** Waits after what failed, ms. */
  retryMs?: number;
  sleep(ms: number): Promise<void>;
  /** Durably placed. */
  onPlaced?(placement: Placement): void;
}

/**
 * Gives the records of one room their places: the origin's work. Every step is one append that expects the one before, so
 * that of two origins, or of one and its own lost answer, each place is given once; and each says up to where it has read,
 * so that whoever comes next leaves out nothing and places nothing twice.
 */
export class RoomSequencer {
  /** Resolves after `stop`, or when an origin of a newer epoch has written. */
  readonly ended: Promise<'stopped' | 'deposed'>;
  readonly #options: SequencerOptions;
  #waiting: Arrival[] = [];
  #ends: (() => void)[] = [];
  #stopped = false;
  /** Arrivals were left in the stream. */
  #left = false;
  #wake: (() => void) | undefined;

  constructor(options: SequencerOptions) {
    this.#options = options;
    this.ended = this.#run();
  }

  stop(): void {
    this.#stopped = true;
    this.#wake?.();
  }

  async #run(): Promise<'stopped' | 'deposed'> {
    const { store, epoch, sleep, retryMs = 200, onPlaced } = this.#options;
    try {
      for (;;) {
        let head: PlaceHead | undefined;
        try {
          head = await store.head();
          if (head && head.placement.epoch > epoch) return 'deposed';
          this.#read(head?.placement.cursors ?? {});
          while (!this.#stopped) {
            const placement = nextPlacement(head?.placement, this.#waiting, epoch);
            if (!placement) {
              // What was left in the stream is read again from where the places are.
              if (this.#left) break;
              await this.#more();
              continue;
            }
            const sequence = await store.append(placement, head?.sequence ?? 0);
            // Another origin, or this one's append whose answer got lost.
            if (sequence === undefined) break;
            head = { placement, sequence };
            this.#waiting = this.#waiting.filter(({ region, id }) => id > (placement.cursors[region] ?? 0));
            onPlaced?.(placement);
          }
        } catch {
          if (!this.#stopped) await sleep(retryMs);
        }
        if (this.#stopped) return 'stopped';
      }
    } finally {
      this.#unread();
    }
  }

  #read(cursors: Record<string, number>): void {
    this.#unread();
    const { store, regions } = this.#options;
    this.#ends = regions.map((region) =>
      store.arrivals(region, cursors[region] ?? 0, (arrival) => {
        // In order: once one was left out, all of its reading are.
        if (this.#left || this.#waiting.length >= MOST_WAITING) this.#left = true;
        else this.#waiting.push(arrival);
        this.#wake?.();
      }),
    );
  }

  #unread(): void {
    for (const end of this.#ends) end();
    this.#ends = [];
    this.#waiting = [];
    this.#left = false;
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }
}

/** The next step after the last placement; undefined when nothing waits. */
export function nextPlacement(
  last: Placement | undefined,
  waiting: readonly Arrival[],
  epoch: number,
): Placement | undefined {
  const first = last ? last.first + last.records.length : 1;
  const cursors = { ...last?.cursors };
  const records: PlacedRecord[] = [];
  for (const { region, id, record } of waiting) {
    if (id <= (cursors[region] ?? 0)) continue;
    if (records.length === MOST_PLACED) break;
    cursors[region] = id;
    records.push({ ...record, id, sequence: first + records.length });
  }
  return records.length === 0 ? undefined : { epoch, first, records, cursors };
}
