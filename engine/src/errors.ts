import { HayateError } from '@hayate/codec/errors';

export interface EngineErrorFields {
  retryable?: boolean;
  cause?: unknown;
  status?: number;
  streamErrorCode?: number;
  transportCode?: number;
}

/**
 * What this package throws and rejects with. `code` is one of:
 *
 * - calls: `engine_unavailable`, `bind_failed`, `bad_certificate`, `bad_url`, `invalid_argument`, `closed`, `internal`;
 * - a session that never opened: `refused_path` (404), `refused_origin` (403), `refused_load` (503, retryable),
 *   `refused` (any other status), `certificate`, `dns_failed`, `timeout`, `connect_failed`;
 * - a session that died: `connection_lost`;
 * - streams: `stream_reset` and `stream_stopped` by the peer.
 */
export class EngineError extends HayateError {
  override readonly name: string = 'EngineError';
  /** HTTP status that CONNECT was answered with (`refused*`). */
  readonly status: number | undefined;
  /** Application code of `stream_reset` and `stream_stopped`. As a reason given to `abort` or `cancel`: sent to the peer. */
  readonly streamErrorCode: number | undefined;
  /** QUIC or HTTP/3 error code (`connect_failed`, `connection_lost`). */
  readonly transportCode: number | undefined;

  constructor(code: string, message: string, fields: EngineErrorFields = {}) {
    super(code, message, fields);
    this.status = fields.status;
    this.streamErrorCode = fields.streamErrorCode;
    this.transportCode = fields.transportCode;
  }
}

/** As an event of the peer tells: who handles the event is no cause, and a stack trace would cost a relay a tenth of a join. */
export function toldError(code: string, message: string, fields?: EngineErrorFields): EngineError {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return new EngineError(code, message, fields);
  } finally {
    Error.stackTraceLimit = limit;
  }
}

/** The addon throws errors with a `code`; anything else is a fault of ours. */
export function fromNative(error: unknown): EngineError {
  if (error instanceof EngineError) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'internal';
  const message = error instanceof Error ? error.message : String(error);
  return new EngineError(code, message, { cause: error });
}

/** How a session ended, as the engine tells it. */
export type CloseKind = 'peer' | 'local' | 'refused' | 'timed_out' | 'certificate' | 'transport' | 'reset';

const REFUSED: Record<number, string> = { 403: 'refused_origin', 404: 'refused_path', 503: 'refused_load' };

/** The error of an end that was not a close by either side. `opened`: whether the session was open before. */
export function closeError(kind: CloseKind, code: number, reason: string, opened: boolean): EngineError {
  if (kind === 'refused') {
    return new EngineError(REFUSED[code] ?? 'refused', `the server refused the session with status ${code}`, {
      status: code,
      retryable: code === 503 || code === 429,
    });
  }
  if (kind === 'certificate') return new EngineError('certificate', reason);
  if (kind === 'timed_out') {
    return opened
      ? new EngineError('connection_lost', 'the peer went silent', { retryable: true })
      : new EngineError('timeout', 'no answer in time', { retryable: true });
  }
  const what = kind === 'transport' ? reason || `transport error ${code}` : 'the peer reset the connection';
  return new EngineError(opened ? 'connection_lost' : 'connect_failed', what, {
    retryable: true,
    ...(kind === 'transport' ? { transportCode: code } : {}),
  });
}

/** The application code in a reason given to `abort` or `cancel` (W3C: WebTransportError's `streamErrorCode`); else 0. */
export function streamCodeOf(reason: unknown): number {
  if (typeof reason === 'object' && reason !== null && 'streamErrorCode' in reason) {
    const code = reason.streamErrorCode;
    if (typeof code === 'number' && Number.isInteger(code) && code >= 0 && code <= 0xffffffff) return code;
  }
  return 0;
}
