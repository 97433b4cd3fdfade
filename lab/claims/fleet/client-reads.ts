import { Linode, LinodeError } from '@hayate/fleet/internal';
import { callOf, type Exchange } from './shape.ts';

type Read = (linode: Linode) => Promise<unknown>;

const rules = { inbound: [], inbound_policy: 'DROP', outbound: [], outbound_policy: 'ACCEPT' } as const;
const wanted = { label: 'jp-a-1', region: 'jp-tyo-3', type: 'g6-standard-2', image: 'linode/debian12', tags: [] };

/** Calls of the client by what they ask for. */
const READS: Record<string, Read> = {
  'GET /linode/instances': (linode) => linode.instances.list(),
  'POST /linode/instances': (linode) => linode.instances.create(wanted),
  'GET /linode/instances/N': (linode) => linode.instances.get(1),
  'PUT /linode/instances/N': (linode) => linode.instances.setTags(1, []),
  'DELETE /linode/instances/N': (linode) => linode.instances.delete(1),
  'POST /linode/instances/N/boot': (linode) => linode.instances.boot(1),
  'POST /linode/instances/N/shutdown': (linode) => linode.instances.shutdown(1),
  'GET /linode/instances/N/disks': (linode) => linode.instances.disks(1),
  'GET /linode/instances/N/transfer': (linode) => linode.instances.transfer(1),
  'GET /linode/types': (linode) => linode.catalogue.types(),
  'GET /linode/types/N': (linode) => linode.catalogue.type('x'),
  'GET /regions': (linode) => linode.catalogue.regions(),
  'GET /regions/availability': (linode) => linode.catalogue.availability(),
  'GET /network-transfer/prices': (linode) => linode.catalogue.transferPrices(),
  'GET /account/transfer': (linode) => linode.account.transfer(),
  'GET /account/events': (linode) => linode.account.events(0),
  'GET /networking/firewalls': (linode) => linode.firewalls.list(),
  'POST /networking/firewalls': (linode) => linode.firewalls.create({ label: 'x', rules }),
  'GET /networking/firewalls/N': (linode) => linode.firewalls.get(1),
  'GET /networking/firewalls/N/devices': (linode) => linode.firewalls.devices(1),
  'POST /networking/firewalls/N/devices': (linode) => linode.firewalls.attach(1, 1),
  'GET /placement/groups': (linode) => linode.placementGroups.list(),
  'POST /placement/groups': (linode) =>
    linode.placementGroups.create({ label: 'x', region: 'jp-tyo-3', policy: 'flexible' }),
  'GET /placement/groups/N': (linode) => linode.placementGroups.get(1),
  'POST /placement/groups/N/assign': (linode) => linode.placementGroups.assign(1, [1]),
  'POST /placement/groups/N/unassign': (linode) => linode.placementGroups.unassign(1, [1]),
};

export interface ClientRead {
  read: number;
  /** Errors that it told apart, by code. */
  errors: Record<string, number>;
  /** Answers whose shape it does not take. */
  refused: string[];
}

/** Gives recorded answers to the client, each as the one page of what it asks for. */
export async function clientReads(recorded: readonly Exchange[]): Promise<ClientRead> {
  const result: ClientRead = { read: 0, errors: {}, refused: [] };
  for (const exchange of recorded) {
    const call = callOf(exchange);
    const read = READS[call];
    if (!read) continue;
    const res = { ...(exchange.res as object), ...('data' in (exchange.res as object) && { pages: 1 }) };
    const fetch = async () => new Response(JSON.stringify(res), { status: exchange.status });
    try {
      await read(new Linode({ token: () => 'token', tries: 1, fetch }));
      result.read += 1;
    } catch (error) {
      if (!(error instanceof LinodeError)) throw error;
      if (error.code === 'unexpected_answer') result.refused.push(error.message);
      else result.errors[error.code] = (result.errors[error.code] ?? 0) + 1;
    }
  }
  return result;
}
