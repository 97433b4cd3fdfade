/**
 * The one base of every error that Hayate throws or rejects with.
 * `code` is a row of the table in docs/protocol.md section 6; `retryable` says whether the same call may succeed later.
 */
export class HayateError extends Error {
  override readonly name: string = 'HayateError';
  readonly code: string;
  readonly retryable: boolean;

  constructor(code: string, message: string, options: { retryable?: boolean; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}
