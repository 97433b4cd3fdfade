import { LagCounts } from '../lib/lag-counts.ts';
import type { RawSession } from '../lib/raw-session.ts';
import { rawViewer } from '../lib/raw-viewer.ts';
import { LOAD } from './load.ts';
import type { Place } from './place.ts';

/** A joiner first gets what was before it came. */
const BACKLOG_US = 500_000;
const STAY_MS = LOAD.probeStayS * 1000;

interface Probe {
  raw: RawSession;
  room: string;
  untilMs: number;
}

/**
 * Viewers that note when each bundle came, on the relay's own clock. They report no playout, so the relay holds nothing for
 * them: what grows is lag of its own. They take turns, or none would ever have joined late.
 */
export class Probes {
  readonly lag = new LagCounts();
  readonly #place: Place;
  readonly #probes: Probe[] = [];
  #opened = 0;

  constructor(place: Place) {
    this.#place = place;
  }

  /** One a room. Resolves once all are in. */
  async open(rooms: readonly string[]): Promise<void> {
    for (const [n, room] of rooms.entries()) {
      this.#probes.push(await this.#enter(room, STAY_MS * (1 - n / rooms.length)));
    }
  }

  /** One whose time is over goes, and another comes. */
  async turn(): Promise<void> {
    const at = this.#probes.findIndex(({ untilMs }) => performance.now() >= untilMs);
    const old = this.#probes[at];
    if (!old) return;
    // Or the next turn would take it too, while this one waits.
    old.untilMs = Number.POSITIVE_INFINITY;
    this.#probes[at] = await this.#enter(old.room, STAY_MS);
    old.raw.session.close();
  }

  close(): void {
    for (const { raw } of this.#probes.splice(0)) raw.session.close();
  }

  async #enter(room: string, stayMs: number): Promise<Probe> {
    this.#opened += 1;
    const { engine } = this.#place;
    const address = await this.#place.address(room, `probe-${this.#opened}`);
    let countsFromUs = Number.POSITIVE_INFINITY;
    const raw = await rawViewer(engine, address, 0, (data, receivedAtUs) => {
      if (countsFromUs === Number.POSITIVE_INFINITY) countsFromUs = receivedAtUs + BACKLOG_US;
      if (receivedAtUs >= countsFromUs) this.lag.add(data, receivedAtUs);
    });
    raw.drain();
    return { raw, room, untilMs: performance.now() + stayMs };
  }
}
