import { codeError } from '@hayate/codec/messages';
import type { Environment } from './environment.ts';

/** Rejects with `timeout` when the promise does not settle in time. */
export async function withLimit<T>(promise: Promise<T>, environment: Environment, limitMs: number): Promise<T> {
  const { promise: limit, reject } = Promise.withResolvers<never>();
  const timer = environment.setTimer(() => reject(codeError('timeout', `no answer within ${limitMs} ms`)), limitMs);
  try {
    return await Promise.race([promise, limit]);
  } finally {
    environment.clearTimer(timer);
  }
}
