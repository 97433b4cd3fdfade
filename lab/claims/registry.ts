import type { Claim } from './claim.ts';
import { realBrowsers } from './relay/browsers.ts';
import { engineStands } from './relay/engine-stands.ts';
import { fanoutCost } from './relay/fanout.ts';
import { freshClone } from './relay/fresh-clone.ts';
import { intruders } from './relay/intruders.ts';
import { realRecordings } from './relay/recordings.ts';

/** Every claim, in the order of the issues. */
export const claims: Claim[] = [freshClone, realRecordings, realBrowsers, engineStands, fanoutCost, intruders];
