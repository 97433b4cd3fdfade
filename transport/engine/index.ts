import type {
  Engine,
  ConnectOptions as EngineConnectOptions,
  EngineListener,
  EngineSession,
  ListenOptions,
} from '@hayate/engine';
import { connectFailed } from '../src/errors.ts';
import type { Connector, IncomingSession, Server, Session } from '../src/types.ts';
import { EngineTransportSession } from './session.ts';

const natives = new WeakMap<Session, EngineSession>();

/** The engine's own session behind `session`; undefined for the other bodies. For rooms and datagram modes. */
export function nativeSession(session: Session): EngineSession | undefined {
  return natives.get(session);
}

/** `session` stands on `of`: its datagrams are those of the engine's session behind that, if there is one. */
export function shareNative(of: Session, session: Session): void {
  const native = natives.get(of);
  if (native) natives.set(session, native);
}

export interface EngineConnectorOptions
  extends Pick<
    EngineConnectOptions,
    'rootsPem' | 'identity' | 'serverName' | 'origin' | 'limits' | 'socketGroup' | 'link'
  > {}

/** Dials by the engine: HTTP/3 over UDP. `options` hold for every session it opens. */
export function engineConnector(engine: Engine, options: EngineConnectorOptions = {}): Connector {
  return (url, connect = {}) => {
    const dial: EngineConnectOptions = { ...options };
    if (connect.serverCertificateHashes !== undefined) {
      dial.serverCertificateHashes = connect.serverCertificateHashes.map((value) => ({ algorithm: 'sha-256', value }));
    }
    if (connect.connectTimeoutMs !== undefined) dial.connectTimeoutMs = connect.connectTimeoutMs;
    const session = wrap(engine.connect(url, dial));
    const { signal } = connect;
    if (signal !== undefined) {
      const giveUp = () => {
        if (session.core.state !== 'connecting') return;
        session.core.fail(connectFailed('given up', signal.reason));
        session.close();
      };
      if (signal.aborted) giveUp();
      else signal.addEventListener('abort', giveUp, { once: true });
    }
    return session;
  };
}

/** Listens by the engine. Rejects with an EngineError (`bind_failed`, `bad_certificate`). */
export async function engineServer(engine: Engine, options: ListenOptions): Promise<Server> {
  return new EngineServer(await engine.listen(options));
}

class EngineServer implements Server {
  readonly sessions: ReadableStream<IncomingSession>;
  readonly #listener: EngineListener;
  #hashes: Uint8Array[];

  constructor(listener: EngineListener) {
    this.#listener = listener;
    this.#hashes = listener.certificateHashes;
    listener.onCertificates((hashes) => {
      this.#hashes = hashes;
    });
    this.sessions = listener.sessions.pipeThrough(
      new TransformStream<EngineSession, IncomingSession>({
        transform(native, controller) {
          controller.enqueue({ session: wrap(native), path: native.path ?? '/', origin: native.origin });
        },
      }),
    );
  }

  get address() {
    return this.#listener.address;
  }
  get certificateHashes(): Uint8Array[] {
    return this.#hashes;
  }

  drain(): void {
    this.#listener.drain();
  }

  close(): Promise<void> {
    return this.#listener.close();
  }
}

function wrap(native: EngineSession): EngineTransportSession {
  const session = new EngineTransportSession(native);
  natives.set(session, native);
  return session;
}
