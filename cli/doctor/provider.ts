import type { FleetConfig } from '@hayate/fleet';
import { openLinode } from '@hayate/fleet';
import { type Finding, fail, ok, reasonOf } from './finding.ts';

type Provider = FleetConfig['providers'][string];

/** Asks Linode for the account, which changes nothing. Of machines that are given there is nothing to ask. */
export async function checkProvider(name: string, provider: Provider): Promise<Finding[]> {
  const check = `provider.${name}`;
  if (provider.kind !== 'linode') return [];
  const { tokenFile, apiUrl } = provider;
  try {
    const linode = openLinode({ tokenFile, ...(apiUrl !== undefined && { apiUrl }) }, { tries: 1 });
    const { quota, used } = await linode.account.transfer();
    return [ok(check, `the token is taken; transfer of this month: ${used} of ${quota} GB`)];
  } catch (error) {
    return [fail(check, reasonOf(error), adviceFor(error, tokenFile))];
  }
}

function adviceFor(error: unknown, tokenFile: string): string {
  switch ((error as { code?: string }).code) {
    case 'not_permitted':
      return `Put a token into ${tokenFile} that may read the account and write Linodes, and that has not ended.`;
    case 'invalid_argument':
      return `Bring ${tokenFile}, readable by the user that runs the fleet.`;
    case 'rate_limited':
      return 'Wait a minute: something else asks that API too often.';
    default:
      return 'Look whether this machine may reach the API (TCP 443 out); rooms are placed without it, machines are not made.';
  }
}
