import { encodeMessage } from '@hayate/codec/messages';
import type { LinkOptions } from '@hayate/engine';
import { Control, controlStream } from './control.ts';
import type { Rig } from './rig.ts';
import { Rounds } from './rounds.ts';
import type { Seat } from './seat.ts';

/** What the SDK's schedule keeps between the last voice packet's coming and its time. */
const MARGIN_MS = 2;
/** Reports are sent as the SDK does while nothing changes. */
const REPORT_MS = 4000;
/** Bytes are asked for with one report in so many: thousands of answers a second would be the runner's work. */
const COUNT_EVERY = 5;
const REPORT = encodeMessage({ t: 'report', marginMs: MARGIN_MS });

const rounds = new Rounds<LightViewer>(REPORT_MS, (viewer) => viewer.report());

/**
 * A viewer for loads of thousands: its connection acknowledges and counts what comes, and no datagram crosses into
 * JavaScript. The relay cannot tell it from one that draws.
 */
export class LightViewer {
  readonly ready = Promise.resolve();
  readonly #rig: Rig;
  readonly #seat: Seat;
  readonly #token: string;
  readonly #stopReports: () => void;
  #reports = 0;
  #connection: Connection;
  #bytes = { in: 0, out: 0 };
  #closing = false;

  private constructor(rig: Rig, seat: Seat, token: string, connection: Connection) {
    this.#rig = rig;
    this.#seat = seat;
    this.#token = token;
    this.#connection = connection;
    this.#stopReports = rounds.add(this);
    this.#follow(connection);
  }

  report(): void {
    this.#connection.control.sendEncoded(REPORT);
    this.#reports += 1;
    if (this.#reports % COUNT_EVERY === 0) void this.#count();
  }

  /** Joins and watches. Rejects with the relay's refusal. */
  static async open(rig: Rig, seat: Seat, token: string): Promise<LightViewer> {
    return new LightViewer(rig, seat, token, await enter(rig, seat.link, token));
  }

  /** The session of the old network is gone; another one over `link`. Rejects with the relay's refusal. */
  async switchNetwork(link: LinkOptions | undefined): Promise<void> {
    const sinceMs = performance.now();
    const old = this.#connection;
    old.left = true;
    await this.#count();
    old.control.session.close();
    const connection = await enter(this.#rig, link, this.#token);
    this.#connection = connection;
    this.#bytes = { in: 0, out: 0 };
    if (this.#closing) {
      connection.control.session.close();
      return;
    }
    this.#follow(connection);
    this.#rig.add('rejoin_time', performance.now() - sinceMs, this.#seat.tags);
  }

  close(): void {
    this.#closing = true;
    this.#stopReports();
    const { session } = this.#connection.control;
    void this.#count().finally(() => session.close());
  }

  #follow(connection: Connection): void {
    const ended = (error?: unknown) => {
      if (connection.left || this.#closing) return;
      this.#stopReports();
      this.#rig.lost(error ?? new Error('the relay ended it'), this.#seat.tags);
    };
    connection.control.session.closed.then(({ reason }) => ended(reason ? new Error(reason) : undefined), ended);
  }

  async #count(): Promise<void> {
    const { session } = this.#connection.control;
    const stats = await session.getStats().catch(() => undefined);
    if (!stats || session !== this.#connection.control.session) return;
    const { bytes_in = 0, bytes_out = 0 } = stats;
    this.#rig.addBytes(bytes_in - this.#bytes.in, bytes_out - this.#bytes.out, this.#seat.tags);
    this.#bytes = { in: bytes_in, out: bytes_out };
  }
}

interface Connection {
  control: Control;
  /** Ended by this side, for another network. */
  left: boolean;
}

/** A session that watches. Rejects with the relay's refusal. */
async function enter(rig: Rig, link: LinkOptions | undefined, token: string): Promise<Connection> {
  const session = rig.connect(rig.target.url, rig.target.certificateHashes, link);
  session.setDatagramMode('refuse');
  try {
    const control = new Control(session, await controlStream(session));
    control.send({ t: 'hello', v: 1, token });
    control.send({ t: 'watch', id: 1 });
    await control.answer('done');
    control.drain();
    return { control, left: false };
  } catch (error) {
    session.close();
    throw error;
  }
}
