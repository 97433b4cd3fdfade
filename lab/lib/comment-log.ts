import { MessageReader } from '@hayate/codec/messages';

/** What one comments stream brought. */
export class CommentLog {
  seen = 0;
  missed = 0;
  /** The room's number that all of it stands for. */
  at = 0;
  /** A comment that was not the next one. */
  faults = 0;
  readonly #onComment: (text: string) => void;

  constructor(onComment: (text: string) => void = () => {}) {
    this.#onComment = onComment;
  }

  /** Until the stream ends. */
  async read(readable: ReadableStream<Uint8Array>): Promise<void> {
    const messages = new MessageReader({ from: 'relay' });
    for await (const bytes of readable) {
      messages.push(bytes);
      for (let message = messages.next(); message; message = messages.next()) {
        if (message.t === 'comments') this.at = message.after;
        else if (message.t === 'missed') {
          this.missed += message.count;
          this.at += message.count;
        } else if (message.t === 'comment') {
          this.seen += 1;
          this.at += 1;
          if (message.n !== this.at) this.faults += 1;
          this.#onComment(message.text);
        }
      }
    }
  }
}
