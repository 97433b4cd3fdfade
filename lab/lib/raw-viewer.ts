import { type ClientMessage, encodeMessage, MessageReader, type RelayMessage } from '@hayate/codec/messages';
import type { Engine, EngineSession, LinkOptions } from '@hayate/engine';

export interface RelayAddress {
  url: string;
  hash: string;
  token: string;
}

/** A session that joined as a viewer, without the SDK: for loads of hundreds in one process. */
export interface RawViewer {
  session: EngineSession;
  alias: number;
  /** On the control stream. */
  send(message: ClientMessage): void;
}

/**
 * Connects, says hello, watches. Rejects with the relay's refusal. `path`: sessions of one group share a socket, and a
 * link; a session without a group has its own.
 */
export async function rawViewer(
  engine: Engine,
  to: RelayAddress,
  path: number | { link: LinkOptions; socketGroup?: number },
  onDatagram: (data: Uint8Array, receivedAtUs: number) => void,
): Promise<RawViewer> {
  const session = engine.connect(to.url, {
    serverCertificateHashes: [{ algorithm: 'sha-256', value: Buffer.from(to.hash, 'hex') }],
    ...(typeof path === 'number' ? { socketGroup: path } : path),
    connectTimeoutMs: 15_000,
  });
  session.datagrams.setHandler(onDatagram);
  await session.ready;
  const stream = await session.createBidirectionalStream({ sendOrder: 30 });
  const writer = stream.writable.getWriter();
  const reader = stream.readable.getReader();
  const messages = new MessageReader({ from: 'relay' });
  const next = async (): Promise<RelayMessage> => {
    for (;;) {
      const message = messages.next();
      if (message) return message;
      const { value, done } = await reader.read();
      if (done) throw new Error('the control stream ended');
      messages.push(value);
    }
  };
  const answer = async (t: 'welcome' | 'done') => {
    for (;;) {
      const message = await next();
      if (message.t === t) return message;
      if (message.t === 'error') throw new Error(`${message.code}: ${message.message}`);
    }
  };
  await writer.write(encodeMessage({ t: 'hello', v: 1, token: to.token }));
  const welcome = await answer('welcome');
  await writer.write(encodeMessage({ t: 'watch', id: 1 }));
  await answer('done');
  const send = (message: ClientMessage) => void writer.write(encodeMessage(message)).catch(() => {});
  return { session, alias: welcome.t === 'welcome' ? welcome.alias : 0, send };
}
