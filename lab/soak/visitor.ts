import type { Engine } from '@hayate/engine';
import type { RawSession, RelayAddress } from '../lib/raw-session.ts';
import { rawViewer } from '../lib/raw-viewer.ts';

/** As the SDK does while nothing changes. */
const REPORT_MS = 4000;
const MARGIN_MS = 2;
/** Sessions share so many sockets. */
const SOCKETS = 16;

let opened = 0;

/** A viewer that costs its process next to nothing: datagrams are acknowledged and counted, none crosses into JavaScript. */
export class Visitor {
  readonly #raw: RawSession;
  readonly #reports: NodeJS.Timeout;
  #left = false;

  private constructor(raw: RawSession, onLost: () => void) {
    this.#raw = raw;
    this.#reports = setInterval(() => raw.send({ t: 'report', marginMs: MARGIN_MS }), REPORT_MS);
    const ended = () => {
      clearInterval(this.#reports);
      if (!this.#left) onLost();
    };
    raw.session.closed.then(ended, ended);
  }

  /** Rejects with the relay's refusal. @param onLost the session ended and nobody here had asked for it */
  static async enter(engine: Engine, to: RelayAddress, onLost = () => {}): Promise<Visitor> {
    opened += 1;
    const raw = await rawViewer(engine, to, 1 + (opened % SOCKETS), () => {});
    raw.session.setDatagramMode('refuse');
    raw.drain();
    return new Visitor(raw, onLost);
  }

  leave(): void {
    this.#left = true;
    this.#raw.session.close();
  }
}
