import { HayateError } from '@hayate/codec/errors';
import type { CloseInfo } from './types.ts';

/** No session came to be: nobody answered, the peer refused, or the attempt was given up. */
export function connectFailed(message: string, cause?: unknown): HayateError {
  return new HayateError('connect_failed', message, { retryable: true, cause });
}

/** The session was open and its connection died without a close code. */
export function connectionLost(message: string, cause?: unknown): HayateError {
  return new HayateError('connection_lost', message, { retryable: true, cause });
}

/** What pending and later calls on an ended session reject with. */
export function sessionClosed(info: CloseInfo): HayateError {
  const text = info.reason === '' ? '' : `: ${info.reason}`;
  return new HayateError('closed', `the session is closed (code ${info.closeCode}${text})`);
}

/** Code and reason with defaults; the reason cut to the 1024 UTF-8 bytes that WebTransport carries. */
export function closeInfo(info: Partial<CloseInfo> | undefined): CloseInfo {
  return { closeCode: info?.closeCode ?? 0, reason: cutUtf8(info?.reason ?? '', 1024) };
}

/** At most `maxBytes` of UTF-8, never half a character. */
export function cutUtf8(text: string, maxBytes: number): string {
  const buffer = new Uint8Array(maxBytes);
  const { read, written } = new TextEncoder().encodeInto(text, buffer);
  return read === text.length ? text : new TextDecoder().decode(buffer.subarray(0, written));
}
