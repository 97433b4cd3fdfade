import { HayateError } from '../errors.ts';

/** Why a message was refused. The first group is found before anything is decoded. */
export type MessageReason =
  | 'too_large'
  | 'empty'
  | 'truncated'
  | 'trailing'
  | 'depth'
  | 'count'
  | 'indefinite'
  | 'tag'
  | 'simple'
  | 'key_type'
  | 'not_a_map'
  | 'undecodable'
  /** `t` is missing or names no message of this direction. */
  | 'unknown_type'
  /** A field is missing, of another type, or out of its limits: `field` names it. */
  | 'field';

/** A message that is refused: code `message_too_large` for `too_large`, else `protocol_error`. */
export class MessageError extends HayateError {
  override readonly name = 'MessageError';
  readonly reason: MessageReason;
  readonly field: string | undefined;

  constructor(reason: MessageReason, message: string, options: { field?: string; cause?: unknown } = {}) {
    super(reason === 'too_large' ? 'message_too_large' : 'protocol_error', message, { cause: options.cause });
    this.reason = reason;
    this.field = options.field;
  }
}
