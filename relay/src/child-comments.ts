import type { TrunkMessage } from '@hayate/codec/messages';
import type { Opened } from '../comments/room.ts';
import type { RelayId } from '../trunk/types.ts';
import type { HostedRoom } from './rooms.ts';

/** Of what a child has not seen: must fit into one message. */
const REPLAY_BYTES = 24_576;

/** The comments of one room as its children get them: as viewers do, but nothing is left out. */
export class ChildComments {
  readonly #hosted: HostedRoom;
  readonly #send: (peer: RelayId, message: TrunkMessage) => void;
  readonly #opened = new Map<RelayId, Opened>();

  constructor(hosted: HostedRoom, send: (peer: RelayId, message: TrunkMessage) => void) {
    this.#hosted = hosted;
    this.#send = send;
  }

  subscribe(peer: RelayId, after: number | undefined): void {
    this.unsubscribe(peer);
    const { name: room, comments } = this.#hosted;
    const send = (messages: Uint8Array) => this.#send(peer, { t: 'comments', room, messages });
    const opened = comments.open(after, REPLAY_BYTES, { early: true, comments: send, deleted: send, reactions: send });
    this.#opened.set(peer, opened);
    send(opened.messages);
  }

  unsubscribe(peer: RelayId): void {
    this.#opened.get(peer)?.close();
    this.#opened.delete(peer);
  }

  close(): void {
    for (const peer of [...this.#opened.keys()]) this.unsubscribe(peer);
  }
}
