import { createHash } from 'node:crypto';
import { toApiTime } from '../time.ts';
import { type Answer, type Asked, done, notFound, ok, page, refuse } from './answer.ts';
import { GROUP_SIZE, regionOf } from './catalogue.ts';
import type { Machines } from './machines.ts';
import type { FakeFirewall, FakeGroup, World } from './world.ts';

/** `/networking/firewalls` and `/placement/groups` of the fake. */
export class Networks {
  readonly #world: World;
  readonly #machines: Machines;

  constructor(world: World, machines: Machines) {
    this.#world = world;
    this.#machines = machines;
  }

  firewalls(asked: Asked): Answer {
    const { firewalls } = this.#world;
    return page(
      asked,
      firewalls.values(),
      ({ id, label, tags }) => ({ id, label, tags }),
      (each) => this.#firewall(each),
    );
  }

  firewall({ ids }: Asked): Answer {
    const firewall = this.#world.firewalls.get(Number(ids[0]));
    return firewall ? { status: 200, body: this.#firewall(firewall) } : notFound;
  }

  createFirewall({ body }: Asked): Answer {
    const { label, rules, tags } = body as { label?: string; rules?: Record<string, unknown>; tags?: string[] };
    if (!label) return refuse(400, 'label is required', 'label');
    if (!rules) return refuse(400, 'rules is required', 'rules');
    for (const each of this.#world.firewalls.values()) {
      if (each.label === label) return refuse(400, 'Label must be unique among your Cloud Firewalls', 'label');
    }
    for (const key of ['inbound_policy', 'outbound_policy']) {
      if (rules[key] !== 'ACCEPT' && rules[key] !== 'DROP')
        return refuse(400, 'Must be one of ACCEPT, DROP', `rules.${key}`);
    }
    const nowMs = this.#world.nowMs();
    const firewall: FakeFirewall = {
      ...{ id: this.#world.id(), label, rules, tags: tags ?? [], status: 'enabled', version: 1 },
      ...{ createdMs: nowMs, updatedMs: nowMs, devices: new Map() },
    };
    this.#world.firewalls.set(firewall.id, firewall);
    return { status: 200, body: this.#firewall(firewall) };
  }

  deleteFirewall({ ids }: Asked): Answer {
    return this.#world.firewalls.delete(Number(ids[0])) ? done : notFound;
  }

  devices(asked: Asked): Answer {
    const firewall = this.#world.firewalls.get(Number(asked.ids[0]));
    if (!firewall) return notFound;
    return page(
      asked,
      firewall.devices.keys(),
      (id) => ({ id }),
      (id) => JSON.stringify(this.#device(firewall, id)),
    );
  }

  device({ ids }: Asked): Answer {
    const firewall = this.#world.firewalls.get(Number(ids[0]));
    const id = Number(ids[1]);
    return firewall?.devices.has(id) ? ok(this.#device(firewall, id)) : notFound;
  }

  attach({ ids, body }: Asked): Answer {
    const firewall = this.#world.firewalls.get(Number(ids[0]));
    if (!firewall) return notFound;
    const machine = this.#world.machines.get(body['id'] as number);
    if (!machine || body['type'] !== 'linode') return refuse(400, 'Invalid device', 'id');
    for (const { linodeId } of firewall.devices.values()) {
      if (linodeId === machine.id) return refuse(400, 'Device is already assigned to this firewall', 'id');
    }
    return ok(this.#device(firewall, this.#machines.putBehind(machine, firewall.id)));
  }

  detach({ ids }: Asked): Answer {
    return this.#world.firewalls.get(Number(ids[0]))?.devices.delete(Number(ids[1])) ? done : notFound;
  }

  groups(asked: Asked): Answer {
    const { groups } = this.#world;
    return page(
      asked,
      groups.values(),
      ({ id, label, region }) => ({ id, label, region }),
      (each) => this.#group(each),
    );
  }

  group({ ids }: Asked): Answer {
    const group = this.#world.groups.get(Number(ids[0]));
    return group ? { status: 200, body: this.#group(group) } : notFound;
  }

  createGroup({ body }: Asked): Answer {
    const {
      label,
      region,
      placement_group_type: type,
      placement_group_policy: policy,
    } = body as Record<string, string>;
    if (!label) return refuse(400, 'label is required', 'label');
    if (!regionOf.get(region ?? '')?.capabilities.includes('Placement Group'))
      return refuse(400, 'region is not valid', 'region');
    if (type !== 'anti_affinity:local')
      return refuse(400, 'Must be one of anti_affinity:local', 'placement_group_type');
    if (policy !== 'strict' && policy !== 'flexible')
      return refuse(400, 'Must be one of strict, flexible', 'placement_group_policy');
    for (const each of this.#world.groups.values()) {
      if (each.label === label) return refuse(400, 'Label must be unique among your placement groups', 'label');
    }
    const group = { id: this.#world.id(), label, region: region!, policy };
    this.#world.groups.set(group.id, group);
    return { status: 200, body: this.#group(group) };
  }

  deleteGroup({ ids }: Asked): Answer {
    const id = Number(ids[0]);
    if (!this.#world.groups.has(id)) return notFound;
    if (this.#machines.members(id).length > 0) return refuse(400, 'Placement group has Linodes assigned to it');
    this.#world.groups.delete(id);
    return done;
  }

  assign({ ids, body }: Asked): Answer {
    const group = this.#world.groups.get(Number(ids[0]));
    if (!group) return notFound;
    const machines = (body['linodes'] as number[]).map((id) => this.#world.machines.get(id));
    if (machines.some((each) => each?.region !== group.region))
      return refuse(400, 'Linodes must be in its region', 'linodes');
    if (machines.some((each) => each?.placementGroupId !== undefined)) {
      return refuse(400, 'A Linode may be in one placement group', 'linodes');
    }
    if (this.#machines.members(group.id).length + machines.length > GROUP_SIZE) {
      return refuse(400, `A placement group may hold at most ${GROUP_SIZE} Linodes`, 'linodes');
    }
    for (const machine of machines) {
      machine!.placementGroupId = group.id;
      this.#machines.touched(machine!);
    }
    return { status: 200, body: this.#group(group) };
  }

  unassign({ ids, body }: Asked): Answer {
    const group = this.#world.groups.get(Number(ids[0]));
    if (!group) return notFound;
    for (const id of body['linodes'] as number[]) {
      const machine = this.#world.machines.get(id);
      if (machine?.placementGroupId !== group.id)
        return refuse(400, 'A Linode is not in this placement group', 'linodes');
      machine.placementGroupId = undefined;
      this.#machines.touched(machine);
    }
    return { status: 200, body: this.#group(group) };
  }

  #firewall({ id, label, status, tags, createdMs, updatedMs, rules, version, devices }: FakeFirewall): string {
    const fingerprint = createHash('sha256').update(JSON.stringify(rules)).digest('hex').slice(0, 8);
    return JSON.stringify({
      ...{ id, label, created: toApiTime(createdMs), updated: toApiTime(updatedMs), status },
      rules: { ...rules, version, fingerprint },
      tags,
      entities: [...devices.values()].map(({ linodeId }) => this.#entity(linodeId)),
    });
  }

  #device(firewall: FakeFirewall, id: number) {
    const { linodeId, createdMs } = firewall.devices.get(id)!;
    const at = toApiTime(createdMs);
    return { id, created: at, updated: at, entity: this.#entity(linodeId) };
  }

  #entity(id: number) {
    const label = this.#world.machines.get(id)?.label ?? null;
    return { id, type: 'linode', label, url: `/v4/linode/instances/${id}`, parent_entity: null };
  }

  #group({ id, label, region, policy }: FakeGroup): string {
    return JSON.stringify({
      ...{ id, label, region, placement_group_type: 'anti_affinity:local', placement_group_policy: policy },
      is_compliant: true,
      members: this.#machines.members(id).map((machine) => ({ linode_id: machine.id, is_compliant: true })),
      migrations: null,
    });
  }
}
