import { JetStreamApiError } from '@nats-io/jetstream';
import { type NatsConnection, NoRespondersError, PermissionViolationError, RequestError } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { FLEET_INBOX } from '../../nats/index.ts';
import { type NatsAccess, type NatsProblem, openAccess } from './access.ts';
import { heartbeatSubject, managerOf, orderSubject, streamName } from './buckets.ts';

const ANSWER_MS = 3000;

/** One server, as a user of it sees it. */
export interface NatsExamination {
  /** As it is configured, without a password. */
  server: string;
  /** Undefined: connected. */
  problem?: NatsProblem;
  /** Of the server. */
  version?: string;
  encrypted?: boolean;
  /** JetStream of the region's domain: `ready` with the directory, `empty` before the first relay came, `absent` where none answers. */
  jetStream?: 'ready' | 'empty' | 'absent' | 'forbidden';
  /** What this user has to be permitted and is not. */
  forbidden?: string[];
}

/**
 * Looks at each server as a relay or the fleet of `region` would meet it. Nothing is written, and nobody is told.
 * @param role whose credentials they are: a relay hears its region's orders, the fleet hears relays alone
 */
export async function examineNats(
  access: NatsAccess,
  region: string,
  role: 'relay' | 'fleet',
): Promise<NatsExamination[]> {
  return Promise.all(access.servers.map((server) => examine({ ...access, servers: [server] }, region, role)));
}

async function examine(access: NatsAccess, region: string, role: 'relay' | 'fleet'): Promise<NatsExamination> {
  const server = withoutPassword(access.servers[0]!);
  const { options, problemOf } = openAccess(access);
  let connection: NatsConnection;
  try {
    connection = await connect({
      ...{ servers: [...access.servers], name: 'hayate doctor', timeout: ANSWER_MS, reconnect: false },
      ...(role === 'fleet' && { inboxPrefix: FLEET_INBOX }),
      ...options,
    });
  } catch (error) {
    return { server, problem: problemOf(error) };
  }
  try {
    const { version, tls_required: encrypted = false } = connection.info!;
    const jetStream = await jetStreamOf(connection, region);
    const heard = role === 'relay' ? orderSubject(region, '*') : heartbeatSubject('*', '*');
    return { server, version, encrypted, jetStream, forbidden: (await mayHear(connection, heard)) ? [] : [heard] };
  } finally {
    await connection.close();
  }
}

async function jetStreamOf(
  connection: NatsConnection,
  region: string,
): Promise<NonNullable<NatsExamination['jetStream']>> {
  try {
    const manager = await managerOf(connection, region, ANSWER_MS);
    await manager.streams.info(streamName('relays', region));
    return 'ready';
  } catch (error) {
    for (let each: unknown = error; each instanceof Error; each = each.cause) {
      if (each instanceof PermissionViolationError) return 'forbidden';
      // It answers, and has no such stream yet.
      if (each instanceof JetStreamApiError && each.code === 10_059) return 'empty';
      if (each instanceof NoRespondersError) return 'absent';
      if (each instanceof RequestError && each.isNoResponders()) return 'absent';
    }
    return 'absent';
  }
}

/** The server tells what is not permitted before it answers the flush. */
async function mayHear(connection: NatsConnection, subject: string): Promise<boolean> {
  let permitted = true;
  const subscription = connection.subscribe(subject, {
    callback: (error) => {
      if (error) permitted = false;
    },
  });
  await connection.flush();
  subscription.unsubscribe();
  return permitted;
}

function withoutPassword(server: string): string {
  return server.replace(/^([a-z]+:\/\/)?[^@/]*@/, '$1');
}
