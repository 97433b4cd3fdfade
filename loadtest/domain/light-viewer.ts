import { encodeMessage, MessageReader } from '@hayate/codec/messages';
import type { EngineSession, LinkOptions } from '@hayate/engine';
import type { Tags } from '../metrics/registry.ts';
import type { Rig } from './rig.ts';

const CONNECT_TIMEOUT_MS = 15_000;
/** What the SDK's schedule keeps between the last voice packet's coming and its time. */
const MARGIN_MS = 2;
/** Reports are sent as the SDK does while nothing changes. */
const REPORT_MS = 4000;

/**
 * A viewer for loads of thousands: its connection acknowledges and counts what comes, and no datagram crosses into
 * JavaScript. The relay cannot tell it from one that draws.
 */
export class LightViewer {
  readonly ready = Promise.resolve();
  readonly #session: EngineSession;
  readonly #rig: Rig;
  readonly #tags: Tags;
  readonly #timer: ReturnType<typeof setInterval>;

  #bytes = { in: 0, out: 0 };
  #closing = false;

  private constructor(rig: Rig, tags: Tags, session: EngineSession, writer: WritableStreamDefaultWriter<Uint8Array>) {
    this.#session = session;
    this.#rig = rig;
    this.#tags = tags;
    const report = encodeMessage({ t: 'report', marginMs: MARGIN_MS });
    const ended = (error?: unknown) => {
      clearInterval(this.#timer);
      if (!this.#closing) rig.lost(error ?? new Error('the relay ended it'), tags);
    };
    session.closed.then(({ reason }) => ended(reason ? new Error(reason) : undefined), ended);
    this.#timer = setInterval(() => {
      writer.write(report.slice()).catch(() => {});
      void this.#count();
    }, REPORT_MS);
    this.#timer.unref();
  }

  /** Joins and watches. Rejects with the relay's refusal. */
  static async open(rig: Rig, tags: Tags, link: LinkOptions | undefined, token: string): Promise<LightViewer> {
    const { url, certificateHashes } = rig.target;
    const session = rig.engine.connect(url, {
      ...(certificateHashes && {
        serverCertificateHashes: certificateHashes.map((hash) => ({
          algorithm: 'sha-256' as const,
          value: Buffer.from(hash, 'hex'),
        })),
      }),
      ...rig.path(link),
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
    });
    session.setDatagramMode('refuse');
    await session.ready;
    const stream = await session.createBidirectionalStream({ sendOrder: 30 });
    const writer = stream.writable.getWriter();
    const reader = stream.readable.getReader();
    const messages = new MessageReader({ from: 'relay' });
    writer.write(encodeMessage({ t: 'hello', v: 1, token })).catch(() => {});
    writer.write(encodeMessage({ t: 'watch', id: 1 })).catch(() => {});
    for (let watching = false; !watching; ) {
      const message = messages.next();
      if (!message) {
        const { value, done } = await reader.read();
        if (done) throw new Error('the relay ended the control stream');
        messages.push(value);
      } else if (message.t === 'error') throw new Error(`${message.code}: ${message.message}`);
      else watching = message.t === 'done';
    }
    drain(reader);
    return new LightViewer(rig, tags, session, writer);
  }

  close(): void {
    this.#closing = true;
    clearInterval(this.#timer);
    void this.#count().finally(() => this.#session.close());
  }

  async #count(): Promise<void> {
    const stats = await this.#session.getStats().catch(() => undefined);
    if (!stats) return;
    const { bytes_in = 0, bytes_out = 0 } = stats;
    this.#rig.addBytes(bytes_in - this.#bytes.in, bytes_out - this.#bytes.out, this.#tags);
    this.#bytes = { in: bytes_in, out: bytes_out };
  }
}

/** What comes on the control stream is taken, or the relay would end a session that does not read. */
function drain(reader: ReadableStreamDefaultReader<Uint8Array>): void {
  const read = async () => {
    while (!(await reader.read()).done);
  };
  read().catch(() => {});
}
