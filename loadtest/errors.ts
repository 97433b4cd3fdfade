import { HayateError } from '@hayate/codec/errors';

/** k6's exit codes. */
export const EXIT = {
  ok: 0,
  thresholdsFailed: 99,
  setupTimeout: 100,
  teardownTimeout: 101,
  genericTimeout: 102,
  invalidConfig: 104,
  externalAbort: 105,
  scriptException: 107,
  scriptAborted: 108,
  markedFailed: 110,
} as const;

/** Flags or `options` of a script that make no sense: exit code 104. */
export class ConfigError extends HayateError {
  override readonly name = 'ConfigError';

  constructor(message: string, cause?: unknown) {
    super('invalid_argument', message, cause === undefined ? {} : { cause });
  }
}

/** Ends the test when it leaves the script's code: `exec.test.abort()`, or a wait that the end of the test cut short. */
export class Interrupted extends HayateError {
  override readonly name = 'Interrupted';

  constructor(reason: string) {
    super('closed', reason);
  }
}

/** What a log line shows of anything thrown. */
export function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.stack ?? `${error.name}: ${error.message}`;
}
