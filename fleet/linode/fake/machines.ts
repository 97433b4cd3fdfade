import { toApiTime } from '../time.ts';
import { type Answer, type Asked, busy, done, notFound, page, refuse } from './answer.ts';
import { GROUP_SIZE, PUBLIC_IMAGES, regionOf, typeOf } from './catalogue.ts';
import type { FakeMachine, World } from './world.ts';

export interface MachineTimes {
  /** From the answer of a create until the disks are there. */
  createMs: number;
  /** From then, or from a boot, until it runs. */
  bootMs: number;
}

const LABEL = /^[a-zA-Z0-9](?:[a-zA-Z0-9._-]{0,62}[a-zA-Z0-9])?$/;
const MAX_USER_DATA_BYTES = 16_384;
const SWAP_MB = 512;
const LIMIT_REACHED = 'Account Limit reached. Please open a support ticket.';

/** Once it was found to be right. */
interface CreateBody {
  region: string;
  type: string;
  image?: string;
  label?: string;
  tags?: string[];
  metadata?: { user_data?: string };
}

/** `/linode/instances` of the fake, and what happens to its Linodes by themselves. */
export class Machines {
  readonly #world: World;
  readonly #times: MachineTimes;
  /** Linodes that the account may have. */
  limit: number;

  constructor(world: World, times: MachineTimes, limit: number) {
    this.#world = world;
    this.#times = times;
    this.limit = limit;
  }

  list(asked: Asked): Answer {
    return page(
      asked,
      this.#world.machines.values(),
      ({ id, label, tags, region, type }) => ({ id, label, tags, region, type }),
      (machine) => this.json(machine),
    );
  }

  get({ ids }: Asked): Answer {
    const machine = this.#find(ids);
    return machine ? { status: 200, body: this.json(machine) } : notFound;
  }

  create({ body }: Asked): Answer {
    const { region, type, image, label, tags, metadata } = body as unknown as CreateBody;
    const wrong = this.#wrong(body);
    if (wrong) return wrong;
    const nowMs = this.#world.nowMs();
    const id = this.#world.id();
    const userData = metadata?.user_data;
    const machine: FakeMachine = {
      ...{ id, label: label ?? `linode${id}`, region, type, image: image ?? null, imageLabel: this.#imageLabel(image) },
      ...{ tags: [...(tags ?? [])], status: 'provisioning', createdMs: nowMs, updatedMs: nowMs, deletedMs: undefined },
      userData: userData === undefined ? undefined : Buffer.from(userData, 'base64').toString('utf8'),
      // 198.18/15 is for tests: no machine of the world is meant.
      ipv4: `198.${18 + ((id >> 16) & 1)}.${(id >> 8) & 255}.${id & 255}`,
      ipv6: `2001:db8::${id.toString(16)}/128`,
      hostUuid: Array.from({ length: 5 }, () =>
        Math.floor(this.#world.random() * 2 ** 32)
          .toString(16)
          .padStart(8, '0'),
      ).join(''),
      ...{ placementGroupId: undefined, disks: [], watchdog: true, bootsAgain: true, plan: 0 },
      ...{ configId: this.#world.id(), usedGb: new Map(), json: undefined },
    };
    const firewallId = body['firewall_id'] as number | undefined;
    const groupId = (body['placement_group'] as { id: number } | undefined)?.id;
    if (groupId !== undefined) machine.placementGroupId = groupId;
    if (firewallId !== undefined && firewallId !== -1) this.putBehind(machine, firewallId);
    this.#world.machines.set(id, machine);
    this.#provision(machine, image !== undefined && body['booted'] !== false);
    return { status: 200, body: this.json(machine) };
  }

  update({ ids, body }: Asked): Answer {
    const machine = this.#find(ids);
    if (!machine) return notFound;
    const {
      label,
      tags,
      watchdog_enabled: watchdog,
    } = body as { label?: string; tags?: string[]; watchdog_enabled?: boolean };
    if (label !== undefined && label !== machine.label) {
      const wrong = this.#wrongLabel(label);
      if (wrong) return wrong;
      machine.label = label;
    }
    if (tags) machine.tags = [...tags];
    if (watchdog !== undefined) machine.watchdog = watchdog;
    this.#changed(machine);
    return { status: 200, body: this.json(machine) };
  }

  remove({ ids }: Asked): Answer {
    const machine = this.#find(ids);
    if (!machine) return notFound;
    this.take(machine);
    return done;
  }

  boot({ ids }: Asked): Answer {
    const machine = this.#find(ids);
    if (!machine) return notFound;
    if (machine.status === 'running') return refuse(400, `Linode ${machine.id} already booted.`);
    if (machine.status !== 'offline') return busy;
    if (this.#world.outages.has(machine.region)) return refuse(400, `${machine.region} is currently unavailable`);
    if (machine.disks.length === 0) return refuse(400, 'No bootable devices.');
    this.start(machine);
    return done;
  }

  shutdown({ ids }: Asked): Answer {
    const machine = this.#find(ids);
    if (!machine) return notFound;
    if (machine.status === 'offline') return refuse(400, `Linode ${machine.id} is not running.`);
    if (machine.status !== 'running') return busy;
    machine.bootsAgain = false;
    const event = this.#world.event('linode_shutdown', machine, { status: 'started', tookMs: this.#times.bootMs / 2 });
    this.#to(machine, 'shutting_down', this.#times.bootMs / 2, () => {
      event.status = 'finished';
      this.#set(machine, 'offline');
    });
    return done;
  }

  disks(asked: Asked): Answer {
    const machine = this.#find(asked.ids);
    if (!machine) return notFound;
    return page(
      asked,
      machine.disks,
      ({ id, label }) => ({ id, label }),
      ({ id, label, filesystem, sizeMb, createdMs, ready }) =>
        JSON.stringify({
          ...{ id, status: ready ? 'ready' : 'not ready', label, created: toApiTime(createdMs) },
          ...{ updated: toApiTime(createdMs), filesystem, size: sizeMb, disk_encryption: 'enabled' },
        }),
    );
  }

  /** It is gone, whoever wanted so. */
  take(machine: FakeMachine): void {
    machine.deletedMs = this.#world.nowMs();
    machine.plan += 1;
    this.#world.machines.delete(machine.id);
    this.#world.gone.push(machine);
    for (const firewall of this.#world.firewalls.values()) {
      for (const [deviceId, { linodeId }] of firewall.devices) {
        if (linodeId === machine.id) firewall.devices.delete(deviceId);
      }
    }
    this.#world.event('linode_delete', machine);
  }

  start(machine: FakeMachine): void {
    machine.bootsAgain = true;
    const { bootMs } = this.#times;
    const { id, configId } = machine;
    const secondary = {
      ...{ id: configId, type: 'linode_config', label: `My ${machine.imageLabel} Disk Profile` },
      url: `/v4/linode/instances/${id}/configs/${configId}`,
    };
    const event = this.#world.event('linode_boot', machine, { status: 'started', tookMs: bootMs, secondary });
    this.#to(machine, 'booting', bootMs, () => {
      event.status = 'finished';
      this.#set(machine, 'running');
    });
  }

  /** Its host is down, or it crashed. */
  stop(machine: FakeMachine): void {
    machine.plan += 1;
    for (const disk of machine.disks) disk.ready = true;
    this.#set(machine, 'offline');
  }

  putBehind(machine: FakeMachine, firewallId: number): number {
    const deviceId = this.#world.id();
    this.#world.firewalls
      .get(firewallId)!
      .devices.set(deviceId, { linodeId: machine.id, createdMs: this.#world.nowMs() });
    return deviceId;
  }

  touched(machine: FakeMachine): void {
    machine.json = undefined;
  }

  members(groupId: number): FakeMachine[] {
    return [...this.#world.machines.values()].filter(({ placementGroupId }) => placementGroupId === groupId);
  }

  json(machine: FakeMachine): string {
    machine.json ??= JSON.stringify(this.#view(machine));
    return machine.json;
  }

  #find([id]: string[]): FakeMachine | undefined {
    return this.#world.machines.get(Number(id));
  }

  #provision(machine: FakeMachine, boots: boolean): void {
    const { createMs } = this.#times;
    const { label } = machine;
    if (machine.image !== null) {
      const { disk } = typeOf.get(machine.type)!;
      const made = { createdMs: machine.createdMs, ready: false };
      machine.disks = [
        {
          id: this.#world.id(),
          label: `${machine.imageLabel} Disk`,
          filesystem: 'ext4',
          sizeMb: disk - SWAP_MB,
          ...made,
        },
        { id: this.#world.id(), label: `${SWAP_MB} MB Swap Image`, filesystem: 'swap', sizeMb: SWAP_MB, ...made },
      ];
    }
    const secondary =
      machine.image === null
        ? null
        : { id: machine.image, type: 'image', label: machine.imageLabel!, url: `/v4/images/${machine.image}` };
    const event = this.#world.event(
      'linode_create',
      { id: machine.id, label },
      { status: 'started', tookMs: createMs, secondary },
    );
    this.#to(machine, 'provisioning', createMs, () => {
      event.status = 'finished';
      for (const disk of machine.disks) disk.ready = true;
      this.#set(machine, 'offline');
      if (boots) this.start(machine);
    });
  }

  /** @param then unless something else comes between */
  #to(machine: FakeMachine, status: FakeMachine['status'], forMs: number, then: () => void): void {
    machine.plan += 1;
    const { plan } = machine;
    this.#set(machine, status);
    this.#world.at(this.#world.nowMs() + forMs, () => {
      if (machine.plan === plan) then();
    });
  }

  #set(machine: FakeMachine, status: FakeMachine['status']): void {
    machine.status = status;
    this.#changed(machine);
  }

  #changed(machine: FakeMachine): void {
    machine.updatedMs = this.#world.nowMs();
    machine.json = undefined;
  }

  #wrong(body: Record<string, unknown>): Answer | undefined {
    const { region, type, image, label } = body as Record<string, string | undefined>;
    const { full, outages, machines } = this.#world;
    const place = regionOf.get(region ?? '');
    if (!place) return refuse(400, 'region is not valid', 'region');
    if (!typeOf.has(type ?? '')) return refuse(400, 'A valid plan type by that ID was not found', 'type');
    if (label !== undefined) {
      const wrong = this.#wrongLabel(label);
      if (wrong) return wrong;
    }
    if (image !== undefined && !this.#world.images.has(image)) return refuse(400, 'image is not valid', 'image');
    if (image !== undefined && body['root_pass'] === undefined && body['authorized_keys'] === undefined) {
      return refuse(400, 'root_pass is required', 'root_pass');
    }
    const wrong = this.#wrongParts(body, region!);
    if (wrong) return wrong;
    if (outages.has(region!) || full.has(region!) || full.has(`${region} ${type}`)) {
      return refuse(400, `${type} is currently unavailable in ${region} for lack of capacity`, 'region');
    }
    return machines.size >= this.limit ? refuse(400, LIMIT_REACHED) : undefined;
  }

  #wrongParts(body: Record<string, unknown>, region: string): Answer | undefined {
    const userData = (body['metadata'] as { user_data?: string } | undefined)?.user_data;
    if (userData !== undefined) {
      const image = this.#world.images.get(body['image'] as string);
      if (!regionOf.get(region)!.capabilities.includes('Metadata')) {
        return refuse(400, 'The selected region does not support user data', 'metadata.user_data');
      }
      if (!image?.cloudInit) return refuse(400, 'The selected image does not support user data', 'metadata.user_data');
      if (Buffer.byteLength(userData, 'base64') > MAX_USER_DATA_BYTES) {
        return refuse(400, 'User data must not exceed 16384 bytes', 'metadata.user_data');
      }
    }
    const firewallId = body['firewall_id'] as number | undefined;
    if (firewallId !== undefined && firewallId !== -1 && !this.#world.firewalls.has(firewallId)) {
      return refuse(400, 'Firewall not found', 'firewall_id');
    }
    const groupId = (body['placement_group'] as { id: number } | undefined)?.id;
    if (groupId === undefined) return undefined;
    const group = this.#world.groups.get(groupId);
    if (!group) return refuse(400, 'Placement Group not found', 'placement_group.id');
    if (group.region !== region) return refuse(400, 'Placement Group is in another region', 'placement_group.id');
    return this.members(groupId).length >= GROUP_SIZE
      ? refuse(400, `A placement group may hold at most ${GROUP_SIZE} Linodes`, 'placement_group.id')
      : undefined;
  }

  #wrongLabel(label: string): Answer | undefined {
    if (!LABEL.test(label) || label.length < 3)
      return refuse(400, 'Label must be 3-64 characters of letters, digits, ., _ and -', 'label');
    for (const machine of this.#world.machines.values()) {
      if (machine.label === label) return refuse(400, 'Label must be unique among your linodes', 'label');
    }
    return undefined;
  }

  #imageLabel(image: string | undefined): string | null {
    if (image === undefined) return null;
    return PUBLIC_IMAGES.find(({ id }) => id === image)?.label ?? this.#world.images.get(image)?.label ?? null;
  }

  #view(machine: FakeMachine) {
    const { id, label, status, type, ipv4, ipv6, image, region, tags, hostUuid, userData, placementGroupId, watchdog } =
      machine;
    const { disk, memory, vcpus, gpus, transfer } = typeOf.get(type)!;
    const group = placementGroupId === undefined ? undefined : this.#world.groups.get(placementGroupId);
    return {
      ...{ id, label, group: '', status, created: toApiTime(machine.createdMs), updated: toApiTime(machine.updatedMs) },
      ...{ type, ipv4: [ipv4], ipv6, image, region, site_type: 'core' },
      specs: { disk, memory, vcpus, gpus, transfer, accelerated_devices: 0 },
      alerts: {
        ...{ cpu: 90 * vcpus, network_in: 10, network_out: 10, transfer_quota: 80, io: 10000 },
        ...{ system_alerts: [], user_alerts: [] },
      },
      backups: { enabled: false, available: false, schedule: { day: null, window: null }, last_successful: null },
      ...{
        hypervisor: 'kvm',
        watchdog_enabled: watchdog,
        tags,
        host_uuid: hostUuid,
        has_user_data: userData !== undefined,
      },
      placement_group: group
        ? {
            ...{ id: group.id, label: group.label, placement_group_type: 'anti_affinity:local' },
            ...{ placement_group_policy: group.policy, migrating_to: null },
          }
        : null,
      ...{ disk_encryption: 'enabled', lke_cluster_id: null, capabilities: ['Block Storage Encryption'] },
      ...{ interface_generation: 'legacy_config', maintenance_policy: 'linode/migrate', locks: [] },
    };
  }
}
