import type { Values } from './values.ts';

/** Renewed so often, */
const BEAT_MS = 2000;
/** given up by its holder so long after it was renewed last, */
const HOLD_MS = 6000;
/** and taken by another when it saw no renewal for so long, by its own clock. */
const STALE_MS = 9000;

interface LeaseValue {
  owner: string;
  beat: number;
}

export interface LeaseOptions {
  values: Pick<Values, 'read' | 'write'>;
  name: string;
  /** One a relay, over its restarts: it takes its own at once. */
  owner: string;
  /** Held from now on, or no more. */
  onChange(held: boolean): void;
  /** Monotonic, ms. */
  nowMs(): number;
  setTimer(run: () => void, ms: number): unknown;
  clearTimer(timer: unknown): void;
}

/**
 * What one relay of a region does at a time. Not a lock: who is stopped between renewal and work overlaps with the next
 * holder, so the work must bear to be done twice.
 */
export class Lease {
  readonly #options: LeaseOptions;
  #held = false;
  #renewedMs = Number.NEGATIVE_INFINITY;
  /** Of another holder: what was seen last, and since when. */
  #seen = { sequence: 0, sinceMs: 0 };
  #timer: unknown;
  #turn: Promise<void> | undefined;
  #closed = false;

  constructor(options: LeaseOptions) {
    this.#options = { ...options, name: `lease ${options.name}` };
    this.beat();
  }

  get held(): boolean {
    return this.#held;
  }

  /** Renews or tries to take it, now and then by itself. */
  beat(): void {
    if (this.#closed) return;
    this.#turn ??= this.#beat().finally(() => {
      this.#turn = undefined;
      if (!this.#closed) this.#timer = this.#options.setTimer(() => this.beat(), BEAT_MS);
    });
  }

  /** Lets go of it at once. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#turn;
    this.#options.clearTimer(this.#timer);
    const { values, name } = this.#options;
    if (this.#held) {
      // Nobody's, so that the next one need not wait.
      await values
        .read(name)
        .then(({ sequence }) => values.write(name, null, sequence))
        .catch(() => {});
    }
    this.#set(false);
  }

  async #beat(): Promise<void> {
    const { values, name, owner, nowMs } = this.#options;
    try {
      const { value, sequence } = await values.read<LeaseValue | null>(name);
      const now = nowMs();
      if (sequence !== this.#seen.sequence) this.#seen = { sequence, sinceMs: now };
      const free = !value || value.owner === owner || now - this.#seen.sinceMs >= STALE_MS;
      if (free && (await values.write(name, { owner, beat: (value?.beat ?? 0) + 1 }, sequence)) !== undefined) {
        this.#renewedMs = now;
        this.#set(true);
      } else this.#set(false);
    } catch {
      if (nowMs() - this.#renewedMs >= HOLD_MS) this.#set(false);
    }
  }

  #set(held: boolean): void {
    if (held === this.#held) return;
    this.#held = held;
    this.#options.onChange(held);
  }
}
