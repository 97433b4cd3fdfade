/** What a viewer's gifts came to: sums for the metrics of a test. */
export interface GiftCounts {
  /** Acknowledged, and not shown when the watching ended. */
  lost: number;
  /** Shown more than once. */
  doubled: number;
  acknowledged: number;
}

interface Given {
  submittedMs: number;
  acknowledged: boolean;
  shown: number;
  seen: PromiseWithResolvers<void>;
}

/**
 * Follows one viewer's gifts from the call to every time they are shown, until the viewer leaves: a gift that is shown
 * again minutes later is doubled all the same. A gift that was refused is neither lost nor doubled.
 */
export class GiftWatch {
  readonly #given = new Map<string, Given>();
  readonly #onShown: (lagMs: number) => void;

  /** @param onShown once a gift, with submit to shown */
  constructor(onShown: (lagMs: number) => void) {
    this.#onShown = onShown;
  }

  /** It is about to be sent. Resolves when it is shown for the first time. */
  submitted(jti: string, nowMs: number): Promise<void> {
    const seen = Promise.withResolvers<void>();
    this.#given.set(jti, { submittedMs: nowMs, acknowledged: false, shown: 0, seen });
    return seen.promise;
  }

  acknowledged(jti: string): void {
    const given = this.#given.get(jti);
    if (given) given.acknowledged = true;
  }

  /** A record of the room; those of others pass by. */
  shown(jti: string, nowMs: number): void {
    const given = this.#given.get(jti);
    if (!given) return;
    given.shown += 1;
    if (given.shown > 1) return;
    this.#onShown(nowMs - given.submittedMs);
    given.seen.resolve();
  }

  /** Of all so far. */
  counts(): GiftCounts {
    const counts = { lost: 0, doubled: 0, acknowledged: 0 };
    for (const { acknowledged, shown } of this.#given.values()) {
      if (acknowledged) counts.acknowledged += 1;
      if (acknowledged && shown === 0) counts.lost += 1;
      if (shown > 1) counts.doubled += 1;
    }
    return counts;
  }
}
