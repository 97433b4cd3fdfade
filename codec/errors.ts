/**
 * The one base of every error that Hayate throws or rejects with.
 * `code` is a row of the table in docs/protocol.md section 6; `retryable` says whether the same call may succeed later.
 */
export class HayateError extends Error {
  /** Of the class. */
  override readonly name: string = 'HayateError';
  /** What went wrong: compare this, never the message. */
  readonly code: string;
  /** The same call may succeed later. */
  readonly retryable: boolean;

  constructor(code: string, message: string, options: { retryable?: boolean; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}
