import { HayateError } from '../errors.ts';

/** A recording that cannot be measured as asked; the message names the file and says why. */
export class BenchError extends HayateError {
  override readonly name = 'BenchError';
  /** Of the file as it was given. */
  readonly file: string;

  constructor(file: string, message: string, cause?: unknown) {
    super('invalid_argument', `${file}: ${message}`, { cause });
    this.file = file;
  }
}
