import { execFile } from 'node:child_process';
import { ProviderError } from './types.ts';

const LIMIT_MS = 120_000;

/** A program and its arguments; no shell is between. @throws ProviderError `unavailable` with the last line it said */
export function runCommand([program, ...args]: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(program!, args, { timeout: LIMIT_MS }, (cause, _out, said) => {
      if (!cause) return resolve();
      const why = said.trim().split('\n').at(-1) || cause.message;
      reject(new ProviderError('unavailable', `${program}: ${why}`, { cause }));
    });
  });
}
