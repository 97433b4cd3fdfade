import type { EngineSession, LinkOptions } from '@hayate/engine';
import { neededScope } from '../runner/vu.ts';
import { type Rig, rigOf } from './rig.ts';

export interface ConnectOptions {
  /** SHA-256 (hex) of a self-made certificate; default: those of the relay under test. */
  certificateHashes?: string[];
  link?: LinkOptions;
  connectTimeoutMs?: number;
}

/** A WebTransport session of a script: datagrams and streams, counted as xk6-webtransport names them. */
export interface LoadSession {
  /** False when it did not fit; lost on the way is not known here. */
  sendDatagram(data: Uint8Array): boolean;
  /** `data` is valid only during the call. */
  onDatagram(handler: (data: Uint8Array) => void): void;
  openStream(): Promise<{ readable: ReadableStream<Uint8Array>; writable: WritableStream<Uint8Array> }>;
  /** Resolves when it is over, whoever ended it; never rejects. */
  readonly closed: Promise<void>;
  close(): void;
}

/** Opens a session to any WebTransport server; ends with the iteration. Rejects when it does not come about. */
export async function connect(url: string, options: ConnectOptions = {}): Promise<LoadSession> {
  const scope = neededScope('connect');
  const rig = rigOf(scope.run);
  const { tags } = scope;
  const hashes = options.certificateHashes ?? rig.target.certificateHashes;
  const beganMs = performance.now();
  const session = rig.connect(url, hashes, options.link, options.connectTimeoutMs);
  let openedMs: number | undefined;
  const closed = session.closed.then(
    () => {},
    () => {},
  );
  void closed.then(() => {
    if (openedMs !== undefined) rig.add('webtransport_session_duration', performance.now() - openedMs, tags);
  });
  scope.onEnd(() => session.close());
  await session.ready;
  openedMs = performance.now();
  rig.add('webtransport_connecting', openedMs - beganMs, tags);
  rig.add('webtransport_sessions', 1, tags);
  return wrap(rig, session, closed, tags);
}

function wrap(
  rig: Rig,
  session: EngineSession,
  closed: Promise<void>,
  tags: Readonly<Record<string, string>>,
): LoadSession {
  return {
    sendDatagram: (data) => {
      const sent = session.datagrams.send(data);
      if (sent) {
        rig.add('webtransport_datagrams_sent_count', 1, tags);
        rig.add('webtransport_datagrams_sent_bytes', data.length, tags);
        rig.addBytes(0, data.length, tags);
      }
      return sent;
    },
    onDatagram: (handler) => {
      session.datagrams.setHandler((data) => {
        rig.add('webtransport_datagrams_received_count', 1, tags);
        rig.add('webtransport_datagrams_received_bytes', data.length, tags);
        rig.addBytes(data.length, 0, tags);
        handler(data);
      });
    },
    openStream: async () => {
      const stream = await session.createBidirectionalStream();
      rig.add('webtransport_streams_total', 1, tags);
      return counted(rig, stream, tags);
    },
    closed,
    close: () => session.close(),
  };
}

/** A stream whose reads and writes are counted as they pass. */
function counted(
  rig: Rig,
  stream: { readable: ReadableStream<Uint8Array>; writable: WritableStream<Uint8Array> },
  tags: Readonly<Record<string, string>>,
) {
  const passing = (way: 'read' | 'write') =>
    new TransformStream<Uint8Array, Uint8Array>({
      transform: (chunk, controller) => {
        rig.add(`webtransport_${way}_count`, 1, tags);
        rig.add(`webtransport_${way}_bytes`, chunk.length, tags);
        rig.add(`webtransport_${way}_size`, chunk.length, tags);
        rig.addBytes(way === 'read' ? chunk.length : 0, way === 'write' ? chunk.length : 0, tags);
        controller.enqueue(chunk);
      },
    });
  const writing = passing('write');
  writing.readable.pipeTo(stream.writable).catch(() => {});
  return { readable: stream.readable.pipeThrough(passing('read')), writable: writing.writable };
}
