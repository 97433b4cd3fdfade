import { readFileSync } from 'node:fs';
import { HayateError } from '@hayate/codec/errors';
import type { FleetConfig } from '../config/fleet.ts';
import type { ProviderConfig } from '../config/providers.ts';
import { checkUserData, filledUserData, type IssueToken } from '../enrol/user-data.ts';
import { Linode } from '../linode/index.ts';
import { relayOf } from '../provider/label.ts';
import { linodeProvider } from '../provider/linode.ts';
import { LocalMachines, makeLocalDir } from '../provider/local.ts';
import { staticProvider } from '../provider/static.ts';
import type { NewMachine, Provider } from '../provider/types.ts';
import type { FleetOptions } from '../run/fleet.ts';
import type { Store } from '../store/store.ts';

/**
 * @param issue tokens of enrolment, for machines of kind `linode`
 * @throws Error where a folder cannot be made, user_data cannot be read or does not go with `issue`
 */
export async function openProviders(
  config: FleetConfig,
  store: Store,
  issue?: IssueToken,
): Promise<FleetOptions['providers']> {
  const { labelPrefix } = config;
  const open = async ([name, provider]: [string, ProviderConfig]) =>
    [name, { share: provider.share, api: await openProvider(name, provider, { labelPrefix, store }, issue) }] as const;
  return Object.fromEntries(await Promise.all(Object.entries(config.providers).map(open)));
}

async function openProvider(
  name: string,
  config: ProviderConfig,
  about: { labelPrefix: string; store: Store },
  issue: IssueToken | undefined,
): Promise<Provider> {
  const nowMs = () => Date.now();
  switch (config.kind) {
    case 'linode':
      return openLinode(config, about.labelPrefix, issue);
    case 'static': {
      const { machines, take, release, probe } = config;
      return staticProvider({ ...about, name, machines, take, release, probe, nowMs });
    }
    case 'local': {
      const { dir, ports, command, relay, authority } = config;
      await makeLocalDir(dir);
      const signer = authority && { certFile: authority.certFile, key: () => readText(authority.keyFile) };
      return new LocalMachines({ ...about, dir, ports, command, relay, authority: signer, nowMs });
    }
  }
}

function openLinode(
  config: ProviderConfig & { kind: 'linode' },
  labelPrefix: string,
  issue: IssueToken | undefined,
): Provider {
  const { tokenFile, apiUrl, type, image, firewallId, userDataFile } = config;
  const linode = new Linode({ token: () => readText(tokenFile).trim(), ...(apiUrl !== undefined && { apiUrl }) });
  const userData = ({ label }: NewMachine) =>
    filledUserData(readText(userDataFile!), relayOf(label, labelPrefix), issue);
  // Said at the start, and not when the first machine is needed.
  if (userDataFile !== undefined) checkUserData(readText(userDataFile), issue);
  return linodeProvider({ linode, type, image, firewallId, ...(userDataFile !== undefined && { userData }) });
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new HayateError('invalid_argument', `cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
}
