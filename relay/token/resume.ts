import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const SESSION_BYTES = 6;
const MAC_BYTES = 32;

/**
 * Makes and checks the `resume` texts of one relay's life: a session's number under HMAC-SHA256 with the room and `sub` it is
 * good for. They say which session is meant; whether its place is still kept, and not taken yet, the room knows.
 */
export class ResumeTokens {
  readonly #key = randomBytes(32);

  /** 51 characters. */
  make(session: number, room: string, sub: string): string {
    const bytes = Buffer.alloc(SESSION_BYTES);
    bytes.writeUIntBE(session, 0, SESSION_BYTES);
    return Buffer.concat([bytes, this.#mac(bytes, room, sub)]).toString('base64url');
  }

  /** The session's number; undefined for what this relay has not made for this room and `sub`. */
  read(text: string, room: string, sub: string): number | undefined {
    const all = Buffer.from(text, 'base64url');
    if (all.length !== SESSION_BYTES + MAC_BYTES) return undefined;
    const bytes = all.subarray(0, SESSION_BYTES);
    if (!timingSafeEqual(all.subarray(SESSION_BYTES), this.#mac(bytes, room, sub))) return undefined;
    return bytes.readUIntBE(0, SESSION_BYTES);
  }

  #mac(session: Buffer, room: string, sub: string): Buffer {
    // As JSON, so that no two pairs are written the same.
    return createHmac('sha256', this.#key)
      .update(session)
      .update(JSON.stringify([room, sub]))
      .digest();
  }
}
