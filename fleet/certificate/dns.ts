import { execFile } from 'node:child_process';
import { HayateError } from '@hayate/codec/errors';

/** Puts proofs into the zone of a domain. */
export interface DnsProvider {
  /** One more TXT record of this name: others of the name stay. Resolves once it was taken. `name`: without the last dot. */
  add(name: string, value: string): Promise<void>;
  /** Does nothing when it is not there. */
  remove(name: string, value: string): Promise<void>;
}

const LIMIT_MS = 120_000;

/** Any zone that a command can change: `COMMAND add|remove NAME VALUE`, exit code 0 once it was taken. No shell is between. */
export function commandDns(command: string): DnsProvider {
  const run = (verb: string, name: string, value: string) =>
    new Promise<void>((resolve, reject) => {
      execFile(command, [verb, name, value], { timeout: LIMIT_MS }, (cause, _out, said) => {
        if (!cause) return resolve();
        const why = said.trim().split('\n').at(-1) || cause.message;
        reject(new HayateError('unavailable', `${command} ${verb} ${name}: ${why}`, { retryable: true, cause }));
      });
    });
  return { add: (name, value) => run('add', name, value), remove: (name, value) => run('remove', name, value) };
}
