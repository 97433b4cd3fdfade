import { HayateError } from '@hayate/codec/errors';
import { InvalidArgumentError } from 'commander';

/** Wrong flags in combination: exit code 2. Commander finds the single wrong ones. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The verb did its work and the answer is bad: exit code 1, without a stack. */
export class BadNews extends Error {
  override readonly name = 'BadNews';
}

/** The verb has its own exit codes and said all there is to say. */
export class ExitWith extends Error {
  override readonly name = 'ExitWith';
  readonly exitCode: number;

  constructor(exitCode: number) {
    super(`exit code ${exitCode}`);
    this.exitCode = exitCode;
  }
}

/** An option parser: numbers from `min` to `max`. */
export function numberFrom(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!(value >= min && value <= max)) throw new InvalidArgumentError(`It wants a number from ${min} to ${max}.`);
    return value;
  };
}

/** An option parser out of a function that throws HayateError `invalid_argument`. */
export function parsedBy<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      if (error instanceof HayateError && error.code === 'invalid_argument') {
        throw new InvalidArgumentError(error.message);
      }
      throw error;
    }
  };
}

/** `HOST:PORT`, `[::1]:PORT` or `:PORT` (loopback). */
export function hostPort(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) throw new InvalidArgumentError('It wants HOST:PORT.');
  return { host: match[1] || match[2] || '127.0.0.1', port };
}
