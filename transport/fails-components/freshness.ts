/** What TCP holds of datagrams, which neither end can see otherwise: the kernel takes seconds of media without a word. */

/** The longest time between a datagram's arrival and the word of it. */
export const ACK_MS = 50;
/** Datagrams that wait so much longer than the path takes are stale by the time that they come. */
const STALE_MS = 150;
/** Who says nothing of them (an older peer) costs no memory. */
const MAX_KEPT = 512;
const MAGIC = [0x99, 0x0b, 0x4d, 0x38] as const;
const ACK_BYTES = MAGIC.length + 6;

/** The sender's half. Pure; times are us. */
export class SentDatagrams {
  /** [number, when] of those that nobody has spoken of, oldest first. */
  #waiting: [number, number][] = [];
  #sent = 0;
  #acked = 0;
  rttUs: number | undefined;
  minRttUs: number | undefined;

  sent(nowUs: number): void {
    this.#sent += 1;
    if (this.#waiting.length >= MAX_KEPT) this.#waiting.shift();
    this.#waiting.push([this.#sent, nowUs]);
  }

  /** So many have come, the last one so long before the word of it left. */
  acked(count: number, delayUs: number, nowUs: number): void {
    // From where it was, modulo 2^32; more than were sent is nonsense.
    const more = (count - this.#acked) >>> 0;
    if (more === 0 || this.#acked + more > this.#sent) return;
    this.#acked += more;
    const first = this.#waiting.findIndex(([number]) => number > this.#acked);
    const taken = this.#waiting.splice(0, first < 0 ? this.#waiting.length : first);
    const last = taken.at(-1);
    if (last?.[0] !== this.#acked) return;
    const rttUs = Math.max(0, nowUs - last[1] - delayUs);
    this.minRttUs = Math.min(rttUs, this.minRttUs ?? rttUs);
    this.rttUs = this.rttUs === undefined ? rttUs : this.rttUs + (rttUs - this.rttUs) / 8;
  }

  /** What is sent now would wait behind what is stale. */
  stale(nowUs: number): boolean {
    const oldest = this.#waiting[0];
    if (oldest === undefined || this.minRttUs === undefined) return false;
    return nowUs - oldest[1] > this.minRttUs + (ACK_MS + STALE_MS) * 1000;
  }
}

/** The receiver's half. */
export class ReceivedDatagrams {
  #count = 0;
  #saidCount = 0;
  #lastUs = 0;
  #saidUs = Number.NEGATIVE_INFINITY;

  arrived(nowUs: number): void {
    this.#count += 1;
    this.#lastUs = nowUs;
  }

  /** How long until word of them is due, ms; undefined: there is nothing to say. */
  dueMs(nowUs: number): number | undefined {
    if (this.#count === this.#saidCount) return undefined;
    return Math.max(0, ACK_MS - (nowUs - this.#saidUs) / 1000);
  }

  /** The payload of a padding capsule. */
  word(nowUs: number): Uint8Array {
    this.#saidCount = this.#count;
    this.#saidUs = nowUs;
    const out = new Uint8Array(6);
    const view = new DataView(out.buffer);
    view.setUint32(0, this.#count >>> 0);
    view.setUint16(4, Math.min(0xffff, Math.round((nowUs - this.#lastUs) / 100)));
    return out;
  }
}

/** A capsule of padding that holds such a word, at `at`; undefined: it is something else. */
export function readWord(capsule: Uint8Array, at: number): { count: number; delayUs: number } | undefined {
  if (capsule.length !== at + ACK_BYTES || MAGIC.some((byte, n) => capsule[at + n] !== byte)) return undefined;
  const view = new DataView(capsule.buffer, capsule.byteOffset + at + MAGIC.length);
  return { count: view.getUint32(0), delayUs: view.getUint16(4) * 100 };
}

/** Where the payload of a whole WebSocket frame with a mask begins. */
export function payloadAt(frame: Uint8Array): number {
  const length = frame[1]! & 0x7f;
  return (length === 127 ? 10 : length === 126 ? 4 : 2) + 4;
}
