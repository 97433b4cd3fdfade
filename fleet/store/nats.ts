import type { NatsLink } from '@hayate/relay/directory/nats';
import { FLEET } from '@hayate/relay/nats';
import { JetStreamApiError, jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { Store } from './store.ts';

const TIMEOUT_MS = 2000;
/** Known and not known by which. */
const WRONG_LAST_SEQUENCE = new Set([10_071, 10_164]);
const NO_MESSAGE = 10_037;

/** The fleet's values in JetStream of one region: a stream of its own, the last message of each subject. */
export function natsStore(link: NatsLink, options: { region: string; replicas: 1 | 3 }): Store {
  const subject = (name: string) => `${FLEET.subject}.${Buffer.from(name).toString('base64url')}`;
  let made: unknown;
  const open = async () => {
    const { connection } = link;
    if (!connection) throw new Error('no connection to NATS');
    const about = { domain: options.region, timeout: TIMEOUT_MS };
    const manager = await jetstreamManager(connection, { ...about, checkAPI: false });
    if (made !== connection) {
      // Of one content it may be added again.
      await manager.streams.add({
        ...{
          name: FLEET.stream,
          subjects: [`${FLEET.subject}.>`],
          max_msgs_per_subject: 1,
          num_replicas: options.replicas,
        },
        ...{ allow_direct: false, deny_delete: true },
      });
      made = connection;
    }
    return { manager, client: jetstream(connection, about) };
  };
  return {
    async read<T>(name: string) {
      const { manager } = await open();
      try {
        const message = await manager.streams.getMessage(FLEET.stream, { last_by_subj: subject(name) });
        return message ? { value: message.json<T>(), sequence: message.seq } : { value: undefined, sequence: 0 };
      } catch (error) {
        if (error instanceof JetStreamApiError && error.code === NO_MESSAGE) return { value: undefined, sequence: 0 };
        throw error;
      }
    },
    async write(name, value, behind) {
      const { client } = await open();
      try {
        const { seq } = await client.publish(subject(name), JSON.stringify(value), {
          expect: { lastSubjectSequence: behind },
        });
        return seq;
      } catch (error) {
        if (error instanceof JetStreamApiError && WRONG_LAST_SEQUENCE.has(error.code)) return undefined;
        throw error;
      }
    },
  };
}
