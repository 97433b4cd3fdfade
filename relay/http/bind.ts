import { HayateError } from '@hayate/codec/errors';

/** The error of a TCP port that cannot be listened on; says which setting to change. */
export function bindFailed(setting: string, host: string, port: number, cause: Error): HayateError {
  return new HayateError('bind_failed', `${setting}: cannot listen on ${host}:${port}: ${cause.message}`, { cause });
}
