import { HayateError } from '@hayate/codec/errors';
import type { Linode } from '../linode/index.ts';
import type { DnsProvider } from './dns.ts';

/** TXT records in a zone of Linode's DNS manager. `zone`: `example.com`. */
export function linodeDns(
  domains: Pick<Linode['domains'], 'byName' | 'records' | 'addTxt' | 'removeRecord'>,
  zone: string,
): DnsProvider {
  const zoneId = async () => {
    const found = await domains.byName(zone);
    if (!found) throw new HayateError('invalid_argument', `the account has no zone ${zone} in its DNS manager`);
    return found.id;
  };
  // Names in a zone are without it.
  const inZone = (name: string) => {
    if (!name.endsWith(`.${zone}`)) throw new HayateError('invalid_argument', `${name} is not in the zone ${zone}`);
    return name.slice(0, -zone.length - 1);
  };
  return {
    async add(name, value) {
      await domains.addTxt(await zoneId(), inZone(name), value);
    },
    async remove(name, value) {
      const id = await zoneId();
      const wanted = inZone(name);
      for (const record of await domains.records(id)) {
        if (record.type === 'TXT' && record.name === wanted && record.target === value) {
          await domains.removeRecord(id, record.id);
        }
      }
    },
  };
}
