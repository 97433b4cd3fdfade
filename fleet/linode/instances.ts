import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Caller } from './caller.ts';
import { apiTime } from './time.ts';

/** Of a Linode; others may come. One that is not `running` bills all the same. */
const INSTANCE_STATUSES = [
  'running',
  'offline',
  'booting',
  'rebooting',
  'shutting_down',
  'provisioning',
  'deleting',
  'migrating',
  'rebuilding',
  'cloning',
  'restoring',
  'stopped',
] as const;

export type InstanceStatus = (typeof INSTANCE_STATUSES)[number] | (string & {});

const instanceSchema = z.object({
  id: z.number(),
  /** Unique in an account. */
  label: z.string(),
  status: z.string().transform((status): InstanceStatus => status),
  region: z.string(),
  type: z.string().nullable(),
  image: z.string().nullable(),
  tags: z.array(z.string()),
  ipv4: z.array(z.string()),
  /** With the length of its prefix. */
  ipv6: z.string().nullable(),
  created: apiTime,
  updated: apiTime,
  placement_group: z.object({ id: z.number() }).nullish(),
});

/** Times are ms since 1970. */
export type LinodeInstance = z.output<typeof instanceSchema>;

const diskSchema = z.object({
  id: z.number(),
  label: z.string(),
  status: z.string(),
  filesystem: z.string(),
  /** MiB. */
  size: z.number(),
});
export type LinodeDisk = z.output<typeof diskSchema>;

/** GB of 10^9 bytes, of this month. `quota`: what it brings into the account's pool, if it stays to the month's end. */
const instanceTransferSchema = z.object({ used: z.number(), quota: z.number(), billable: z.number() });
export type InstanceTransfer = z.output<typeof instanceTransferSchema>;

export interface NewInstance {
  /** Unique in the account: whoever does not know whether a create was made finds it by this. */
  label: string;
  region: string;
  type: string;
  /** `linode/debian12`, or `private/ID`. */
  image: string;
  tags: readonly string[];
  /** In clear; at most 16 384 bytes. Whoever can read the instance's metadata reads it: no secrets that last. */
  userData?: string;
  authorizedKeys?: readonly string[];
  firewallId?: number;
  placementGroupId?: number;
  /** Default: true. */
  booted?: boolean;
}

/** What is to be found: each one narrows it. Filters on the server, so that no page is too many. */
export interface InstanceFilter {
  label?: string;
  tag?: string;
  region?: string;
}

const ROOT_PASSWORD_BYTES = 32;

/** `/linode/instances`. */
export class Instances {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  list({ label, tag, region }: InstanceFilter = {}): Promise<LinodeInstance[]> {
    const filter = {
      ...(label !== undefined && { label }),
      ...(tag !== undefined && { tags: tag }),
      ...(region !== undefined && { region }),
    };
    return this.#caller.list('/linode/instances', instanceSchema, Object.keys(filter).length > 0 ? filter : undefined);
  }

  /** @throws LinodeError `not_found` */
  get(id: number): Promise<LinodeInstance> {
    return this.#caller.call('GET', `/linode/instances/${id}`, instanceSchema);
  }

  async byLabel(label: string): Promise<LinodeInstance | undefined> {
    const found = await this.list({ label });
    return found.find((each) => each.label === label);
  }

  /** @throws LinodeError `outcome_unknown`: look by label; `account_limit`, `no_capacity`, `rate_limited`, `refused`: not made */
  create(wanted: NewInstance): Promise<LinodeInstance> {
    const { label, region, type, image, tags, userData, authorizedKeys, firewallId, placementGroupId, booted } = wanted;
    return this.#caller.call('POST', '/linode/instances', instanceSchema, {
      body: {
        ...{ label, region, type, image, tags },
        // One is asked for; nobody is to know it.
        root_pass: randomBytes(ROOT_PASSWORD_BYTES).toString('base64url'),
        // Linodes with the newer kind of interface take a firewall at the interface only.
        interface_generation: 'legacy_config',
        ...(authorizedKeys && { authorized_keys: authorizedKeys }),
        ...(userData !== undefined && { metadata: { user_data: Buffer.from(userData).toString('base64') } }),
        ...(firewallId !== undefined && { firewall_id: firewallId }),
        ...(placementGroupId !== undefined && { placement_group: { id: placementGroupId } }),
        ...(booted !== undefined && { booted }),
      },
    });
  }

  /** It is gone afterwards, whoever deleted it. */
  delete(id: number): Promise<void> {
    return this.#caller.remove(`/linode/instances/${id}`);
  }

  async boot(id: number): Promise<void> {
    await this.#caller.call('POST', `/linode/instances/${id}/boot`, z.unknown(), { body: {} });
  }

  async shutdown(id: number): Promise<void> {
    await this.#caller.call('POST', `/linode/instances/${id}/shutdown`, z.unknown(), { body: {} });
  }

  /** Replaces all of them. */
  setTags(id: number, tags: readonly string[]): Promise<LinodeInstance> {
    return this.#caller.call('PUT', `/linode/instances/${id}`, instanceSchema, { body: { tags } });
  }

  /** Whether Linode boots it again when it stops by itself, even by its own `poweroff`; on by default. */
  setWatchdog(id: number, on: boolean): Promise<LinodeInstance> {
    return this.#caller.call('PUT', `/linode/instances/${id}`, instanceSchema, { body: { watchdog_enabled: on } });
  }

  transfer(id: number): Promise<InstanceTransfer> {
    return this.#caller.call('GET', `/linode/instances/${id}/transfer`, instanceTransferSchema);
  }

  disks(id: number): Promise<LinodeDisk[]> {
    return this.#caller.list(`/linode/instances/${id}/disks`, diskSchema);
  }
}
