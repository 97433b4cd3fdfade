import { DiscardPolicy, RetentionPolicy, StorageType, type StreamConfig } from '@nats-io/jetstream';
import { giftNames } from './names.ts';

/** Nothing of money is ever removed: a purged `jti` could be claimed again. */
const FOR_EVER = {
  retention: RetentionPolicy.Limits,
  storage: StorageType.File,
  discard: DiscardPolicy.New,
  deny_delete: true,
  deny_purge: true,
  allow_direct: true,
} as const;

type Config = Partial<StreamConfig> & { name: string };

/**
 * Streams of a region's gifts, and its copies of those of the others. Uniqueness is by expected sequences, which are for
 * ever: the window of duplicates plays no part.
 * @param copies of each message: 1, or 3 in a region of three servers
 */
export function giftStreams(region: string, regions: readonly string[], copies: number): Config[] {
  const { gifts, keys, places, state } = giftNames(region);
  const own = { ...FOR_EVER, num_replicas: copies };
  const mirrors = regions
    .filter((each) => each !== region)
    .flatMap((other) => {
      const { gifts, places } = giftNames(other);
      const external = { api: `$JS.${other}.API` };
      return [gifts, places].map((name) => ({ ...own, name, mirror: { name, external } }));
    });
  return [
    { ...own, name: gifts, subjects: [`gifts.${region}.*.*.*`] },
    { ...own, name: keys, subjects: [`giftkeys.${region}.*`] },
    { ...own, name: places, subjects: [`giftplaces.${region}.*.*`] },
    {
      ...{ name: state, subjects: [`giftstate.${region}.*`], num_replicas: copies, storage: StorageType.File },
      ...{ max_msgs_per_subject: 1, allow_direct: true },
    },
    ...mirrors,
  ];
}
