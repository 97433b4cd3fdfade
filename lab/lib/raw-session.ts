import { encodeMessage } from '@hayate/codec/messages';
import type { Engine, LinkOptions } from '@hayate/engine';
import { Control, controlStream } from '@hayate/loadtest/internal';

export interface RelayAddress {
  url: string;
  hash: string;
  token: string;
}

/** Sessions of one group share a socket, and a link; a session without a group has its own. */
export type RawPath = number | { link: LinkOptions; socketGroup?: number };

/** A welcomed session without the SDK: for loads of hundreds in one process. */
export class RawSession extends Control {
  alias = 0;

  /** Connects and says hello. Rejects with the relay's refusal. */
  static async open(
    engine: Engine,
    to: RelayAddress,
    path: RawPath,
    onDatagram: (data: Uint8Array, receivedAtUs: number) => void,
  ): Promise<RawSession> {
    const session = engine.connect(to.url, {
      serverCertificateHashes: [{ algorithm: 'sha-256', value: Buffer.from(to.hash, 'hex') }],
      ...(typeof path === 'number' ? { socketGroup: path } : path),
      connectTimeoutMs: 15_000,
    });
    session.datagrams.setHandler(onDatagram);
    const raw = new RawSession(session, await controlStream(session));
    raw.send({ t: 'hello', v: 1, token: to.token });
    raw.alias = (await raw.answer('welcome')).alias;
    return raw;
  }

  /** Opens the comments stream. Nothing is read from it unless the caller does. */
  async openComments(after?: number) {
    const stream = await this.session.createBidirectionalStream({ sendOrder: 10 });
    const writer = stream.writable.getWriter();
    await writer.write(encodeMessage({ t: 'comments', ...(after === undefined ? {} : { after }) }));
    return { writer, readable: stream.readable };
  }
}
