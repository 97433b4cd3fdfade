import { natsServer } from '../lib/nats.ts';
import type { Checks } from './claim.ts';

/** False, and skipped with its reason, where no NATS server can be had. */
export async function haveNats(checks: Checks, forWhat?: string): Promise<boolean> {
  const binary = await natsServer();
  if (!('skip' in binary)) return true;
  checks.skip(forWhat === undefined ? binary.skip : `${forWhat}: ${binary.skip}`);
  return false;
}
