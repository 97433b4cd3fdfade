import { BundleError, DATAGRAM_TYPE, MAX_DATAGRAM_BYTES } from '@hayate/codec/bundle';
import type { EngineSession } from '@hayate/engine';
import type { Session } from '@hayate/transport';
import { guardedId, ScriptPublication, type ScriptPublicationOptions } from './publication.ts';

/** The gap of the first probes. */
const STEP_MS = 25;
const OVERHEAD_BYTES = 2;

/**
 * What sessions with a leg publish. Probes of the engine end at the leg, so that it cannot know their clocks: this side
 * does, and feeds the rooms as another relay would.
 */
export class LegFeed {
  readonly #publications = new Map<Session, ScriptPublication>();
  readonly #send: (bundle: Uint8Array) => void;
  readonly served: EngineSession;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** `served`: the relay's end, in mode `trunk`; `own`: the other one. */
  constructor(served: EngineSession, own: EngineSession) {
    this.served = served;
    this.#send = (bundle) => own.datagrams.send(bundle);
  }

  publish(session: Session, options: Omit<ScriptPublicationOptions, 'randomId' | 'onRefused'>): ScriptPublication {
    this.end(session);
    const publication = new ScriptPublication({ ...options, randomId: guardedId });
    this.#publications.set(session, publication);
    this.#timer ??= setInterval(() => this.#step(), STEP_MS);
    this.#probe(session, publication);
    return publication;
  }

  /** Without `publication`: whatever the session has. */
  end(session: Session, publication = this.#publications.get(session)): void {
    if (!publication || this.#publications.get(session) !== publication) return;
    this.#publications.delete(session);
    publication.end();
    if (this.#publications.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Whether the datagram of a session is its publication's, and not the engine's. */
  take(session: Session, data: Uint8Array, receivedAtUs: number): boolean {
    const publication = this.#publications.get(session);
    const type = data[0];
    if (!publication || (type !== DATAGRAM_TYPE.bundle && type !== DATAGRAM_TYPE.probeReply)) return false;
    try {
      if (data.length > MAX_DATAGRAM_BYTES) publication.refuse('datagram_too_large');
      else if (type === DATAGRAM_TYPE.probeReply) publication.reply(data, receivedAtUs);
      else {
        const downlink = publication.forward(data, receivedAtUs);
        if (downlink) this.#send(downlink);
      }
    } catch (error) {
      if (!(error instanceof BundleError)) throw error;
      publication.refuse(error.reason);
    }
    return true;
  }

  /** A bundle with nothing but what the session publishes itself. */
  isOwn(session: Session, data: Uint8Array): boolean {
    const publication = this.#publications.get(session);
    if (!publication || data[0] !== DATAGRAM_TYPE.bundle || data.length < OVERHEAD_BYTES) return false;
    const aliasBytes = 1 << (data[1]! >>> 6);
    return data[1 + aliasBytes] === 1 << publication.slot;
  }

  close(): void {
    for (const session of [...this.#publications.keys()]) this.end(session);
  }

  #step(): void {
    for (const [session, publication] of this.#publications) this.#probe(session, publication);
  }

  #probe(session: Session, publication: ScriptPublication): void {
    const probe = publication.probe(session.nowUs());
    if (probe) session.sendDatagram(probe);
  }
}
