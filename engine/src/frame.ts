import type { CloseKind } from './errors.ts';
import { LAYERS, REPAIRS } from './options.ts';
import type { MemberStats } from './types.ts';

/**
 * The framing of events from the addon, the other side of `engine/node/src/frame.rs` (the layout is written there).
 * Byte arguments are views into the batch: valid only during the call.
 */
export interface EventHandler {
  /** `certificate`: the peer's, DER. */
  sessionIncoming(
    endpoint: number,
    session: number,
    remote: string,
    path: string,
    origin: string | undefined,
    certificate: Uint8Array | undefined,
  ): void;
  sessionReady(session: number, maxDatagram: number, certificate: Uint8Array | undefined): void;
  sessionDraining(session: number): void;
  sessionClosed(session: number, kind: CloseKind, code: number, reason: string): void;
  datagram(session: number, data: Uint8Array, atUs: number): void;
  streamOpened(session: number, token: number, stream: number): void;
  streamIncoming(session: number, stream: number, bidi: boolean): void;
  streamData(session: number, stream: number, data: Uint8Array, fin: boolean): void;
  streamDrained(session: number, stream: number, bytes: number): void;
  streamFinished(session: number, stream: number): void;
  streamReset(session: number, stream: number, code: number): void;
  streamStopped(session: number, stream: number, code: number): void;
  roomSynced(room: number, slot: number, generation: number, offsetUs: number, uncertaintyUs: number): void;
  stats(token: number, values: Record<string, number>): void;
  members(token: number, rows: MemberStats[]): void;
  certificateChanged(endpoint: number, hashes: Uint8Array[]): void;
  panic(message: string): void;
  listenerGone(endpoint: number): void;
}

const CLOSE_KINDS: readonly CloseKind[] = [
  'peer',
  'local',
  'refused',
  'timed_out',
  'certificate',
  'transport',
  'reset',
];

/** Calls `handler` for each record of a batch, in order. An Error means that addon and package do not fit. */
export function decodeEvents(batch: Buffer, handler: EventHandler): void {
  const r = new Reader(batch);
  while (r.at < batch.length) decodeOne(r, handler);
}

function decodeOne(r: Reader, h: EventHandler): void {
  const tag = r.u8();
  switch (tag) {
    case 1: {
      const endpoint = r.u32();
      const session = r.u32();
      const remote = r.text();
      const path = r.text();
      const origin = r.u8() === 1 ? r.text() : undefined;
      h.sessionIncoming(endpoint, session, remote, path, origin, r.optionalBytes());
      return;
    }
    case 2:
      h.sessionReady(r.u32(), r.u32(), r.optionalBytes());
      return;
    case 3:
      h.sessionDraining(r.u32());
      return;
    case 4: {
      const session = r.u32();
      const kind = CLOSE_KINDS[r.u8()] ?? 'reset';
      h.sessionClosed(session, kind, r.u64(), r.text());
      return;
    }
    case 5: {
      const session = r.u32();
      const atUs = r.u64();
      h.datagram(session, r.bytes(), atUs);
      return;
    }
    case 6:
      h.streamOpened(r.u32(), r.u32(), r.u64());
      return;
    case 7:
      h.streamIncoming(r.u32(), r.u64(), r.u8() === 1);
      return;
    case 8: {
      const session = r.u32();
      const stream = r.u64();
      const fin = r.u8() === 1;
      h.streamData(session, stream, r.bytes(), fin);
      return;
    }
    case 9:
      h.streamDrained(r.u32(), r.u64(), r.u32());
      return;
    case 10:
      h.streamFinished(r.u32(), r.u64());
      return;
    case 11:
      h.streamReset(r.u32(), r.u64(), r.u32());
      return;
    case 12:
      h.streamStopped(r.u32(), r.u64(), r.u32());
      return;
    case 13:
      h.roomSynced(r.u32(), r.u8(), r.u8(), r.i64(), r.u32());
      return;
    case 14: {
      const token = r.u32();
      const values: Record<string, number> = {};
      for (let n = r.u32(); n > 0; n -= 1) {
        const name = r.text();
        values[name] = r.f64();
      }
      h.stats(token, values);
      return;
    }
    case 15: {
      const endpoint = r.u32();
      const hashes: Uint8Array[] = [];
      for (let n = r.u32(); n > 0; n -= 1) hashes.push(new Uint8Array(r.take(32)));
      h.certificateChanged(endpoint, hashes);
      return;
    }
    case 16:
      h.panic(r.text());
      return;
    case 17:
      h.listenerGone(r.u32());
      return;
    case 18: {
      const token = r.u32();
      const rows: MemberStats[] = [];
      for (let n = r.u32(); n > 0; n -= 1) rows.push(member(r));
      h.members(token, rows);
      return;
    }
    default:
      throw new Error(`unknown record ${tag} from the engine: the addon is of another version`);
  }
}

/** Fields are read in the order in which they are written here. */
function member(r: Reader): MemberStats {
  return {
    session: r.u32(),
    rttMs: r.u32() / 1000,
    minRttMs: r.u32() / 1000,
    packetsOut: r.u64(),
    packetsLost: r.u64(),
    datagramsOut: r.u64(),
    dropped: r.u64(),
    queueBytes: r.u32(),
    congestionWindow: r.u32(),
    delivery: {
      voice: r.u8(),
      holdMs: r.u8(),
      repair: REPAIRS[r.u8()] ?? 'none',
      spacingMs: r.u8(),
      layer: LAYERS[r.u8()] ?? 'all',
      slots: r.u8(),
      patient: r.u8(),
    },
  };
}

class Reader {
  readonly #b: Buffer;
  at = 0;

  constructor(batch: Buffer) {
    this.#b = batch;
  }

  u8(): number {
    const v = this.#b.readUInt8(this.at);
    this.at += 1;
    return v;
  }

  u32(): number {
    const v = this.#b.readUInt32LE(this.at);
    this.at += 4;
    return v;
  }

  /** Times and stream numbers stay below 2^53. */
  u64(): number {
    return this.u32() + this.u32() * 0x1_0000_0000;
  }

  i64(): number {
    const low = this.u32();
    const high = this.#b.readInt32LE(this.at);
    this.at += 4;
    return low + high * 0x1_0000_0000;
  }

  f64(): number {
    const v = this.#b.readDoubleLE(this.at);
    this.at += 8;
    return v;
  }

  take(length: number): Buffer {
    const end = this.at + length;
    // subarray clamps in silence.
    if (end > this.#b.length) throw new RangeError('a record from the engine is cut off');
    const v = this.#b.subarray(this.at, end);
    this.at = end;
    return v;
  }

  bytes(): Buffer {
    return this.take(this.u32());
  }

  optionalBytes(): Buffer | undefined {
    const bytes = this.bytes();
    return bytes.length === 0 ? undefined : bytes;
  }

  text(): string {
    return this.bytes().toString('utf8');
  }
}
