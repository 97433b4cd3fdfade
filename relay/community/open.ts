import { resolve } from 'node:path';
import type { Logger } from 'pino';
import type { RelayConfig } from '../config/schema.ts';
import type { Counters } from '../telemetry/counters.ts';
import { Community } from './community.ts';
import { openSqliteCommunity } from './sqlite/client.ts';
import type { CommunityStore } from './types.ts';

export interface CommunityDeps {
  counters: Counters;
  log: Logger;
  /** Instead of the configured file. Closed with the community. */
  store?: CommunityStore | undefined;
}

/**
 * The community of the configuration. @throws HayateError `invalid_argument` for a file that cannot be used: a relay that has
 * forgotten its bans does not start
 */
export async function openCommunity(config: RelayConfig, { counters, log, store }: CommunityDeps): Promise<Community> {
  const { file, ...limits } = config.community;
  const opened =
    store ?? (await openSqliteCommunity({ path: resolve(file ?? resolve(config.stateDir, 'community.db')) }));
  try {
    return await Community.open({ store: opened, limits, counters, log });
  } catch (error) {
    await opened.close();
    throw error;
  }
}
