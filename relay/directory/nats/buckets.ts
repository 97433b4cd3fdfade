import { JetStreamApiError, type JetStreamManager, jetstreamManager, type StreamConfig } from '@nats-io/jetstream';
import { type NatsConnection, nanos } from '@nats-io/transport-node';
import type { BucketKind } from '../substrate.ts';

/** Marks of what expired stay as long: whoever missed one learns it from a look. */
const MARKER_TTL_MS = 3_600_000;

/** Laid out as NATS's own key-value buckets, so that its tools read them. */
const bucketName = (kind: BucketKind, region: string): string => `${kind}_${region}`;
export const streamName = (kind: BucketKind, region: string): string => `KV_${bucketName(kind, region)}`;
export const keySubject = (kind: BucketKind, region: string, key: string): string =>
  `$KV.${bucketName(kind, region)}.${key}`;
/** Where a stored write is said again; refused ones are not. */
export const newsSubject = (kind: BucketKind, region: string, key: string): string => `hayate.${kind}.${region}.${key}`;
export const heartbeatSubject = (region: string, id: string): string => `hayate.alive.${region}.${id}`;
/** What the fleet asks of a relay. */
export const orderSubject = (region: string, id: string): string => `hayate.orders.${region}.${id}`;

const KINDS: readonly BucketKind[] = ['relays', 'rooms'];

/** The manager of a domain, from wherever the connection is. */
export function managerOf(connection: NatsConnection, domain: string, timeoutMs: number): Promise<JetStreamManager> {
  return jetstreamManager(connection, { domain, timeout: timeoutMs, checkAPI: false });
}

/**
 * Makes what is missing in the own domain: its two buckets, and copies of all other regions'. A copy is made while its
 * region is away too, and fills once that is there. What exists stays as it is, apart from its number of replicas.
 */
export async function ensureBuckets(
  manager: JetStreamManager,
  region: string,
  regions: readonly string[],
  replicas: number,
): Promise<void> {
  const common = {
    max_msgs_per_subject: 1,
    allow_direct: true,
    allow_msg_ttl: true,
    num_replicas: replicas,
  };
  for (const kind of KINDS) {
    for (const of of regions) {
      const name = streamName(kind, of);
      const own: Partial<StreamConfig> = {
        subjects: [keySubject(kind, of, '>')],
        deny_delete: true,
        allow_rollup_hdrs: true,
        subject_delete_marker_ttl: nanos(MARKER_TTL_MS),
        republish: { src: keySubject(kind, of, '>'), dest: newsSubject(kind, of, '>') },
      };
      const copy: Partial<StreamConfig> = {
        mirror: { name, external: { api: `$JS.${of}.API`, deliver: '' } } as StreamConfig['mirror'] & object,
      };
      const config = { name, ...common, ...(of === region ? own : copy) };
      try {
        await manager.streams.add(config);
      } catch (error) {
        if (!(error instanceof JetStreamApiError) || error.code !== STREAM_NAME_IN_USE) throw error;
        const { config: there } = await manager.streams.info(name);
        if (there.num_replicas < replicas) await manager.streams.update(name, { ...there, num_replicas: replicas });
      }
    }
  }
}

const STREAM_NAME_IN_USE = 10058;
