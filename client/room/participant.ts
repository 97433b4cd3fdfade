import type { HayateError } from '@hayate/codec/errors';
import type { Liver, Welcome } from '../src/types.ts';
import type { RelaySession } from './relay-session.ts';

/** What takes part in a room's sessions: publishers, watchers, comments, gifts, people. */
export interface Participant {
  /**
   * A session was welcomed; also called at once when there is one. Without `onLost` before it this one takes the place of the
   * last, which is still there for answers that are on their way.
   */
  onOpen(session: RelaySession, welcome: Welcome): void;
  onLost(error: HayateError): void;
  /** The room is closed for good; nothing follows. */
  onClosed(error: HayateError): void;
  /** Datagrams but probes, which the room answers itself. `data` is valid only during the call. */
  onDatagram(type: number, data: Uint8Array, receivedAtUs: number): void;
  /**
   * Another session was welcomed beside the present one. Who has media on the present one begins on the other too, and calls
   * `ready` when that can do without the first: then comes `onOpen` with it. Undefined: `onOpen` is soon enough.
   */
  join?(
    session: RelaySession,
    welcome: Welcome,
    livers: ReadonlyMap<number, Liver>,
    ready: () => void,
  ): Joining | undefined;
}

/** A participant's part in a session that may take the place of the present one. */
export interface Joining {
  onLiver(liver: Liver): void;
  onDatagram(type: number, data: Uint8Array, receivedAtUs: number): void;
  /** That session ended; the present one stays. */
  abandon(): void;
}
