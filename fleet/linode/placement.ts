import { z } from 'zod';
import type { Caller } from './caller.ts';

const groupSchema = z.object({
  id: z.number(),
  label: z.string(),
  region: z.string(),
  placement_group_type: z.string(),
  placement_group_policy: z.string(),
  is_compliant: z.boolean(),
  members: z.array(z.object({ linode_id: z.number(), is_compliant: z.boolean() })),
});
export type PlacementGroup = z.output<typeof groupSchema>;

export interface NewPlacementGroup {
  label: string;
  region: string;
  /** `strict`: rather no Linode than one beside another. */
  policy: 'strict' | 'flexible';
}

/** `/placement/groups`: Linodes of a group stand on different hosts. How many fit in is the region's `placement_group_limits`. */
export class PlacementGroups {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  list(): Promise<PlacementGroup[]> {
    return this.#caller.list('/placement/groups', groupSchema);
  }

  /** @throws LinodeError `not_found` */
  get(id: number): Promise<PlacementGroup> {
    return this.#caller.call('GET', `/placement/groups/${id}`, groupSchema);
  }

  create({ label, region, policy }: NewPlacementGroup): Promise<PlacementGroup> {
    return this.#caller.call('POST', '/placement/groups', groupSchema, {
      body: { label, region, placement_group_type: 'anti_affinity:local', placement_group_policy: policy },
    });
  }

  delete(id: number): Promise<void> {
    return this.#caller.remove(`/placement/groups/${id}`);
  }

  assign(id: number, linodes: readonly number[]): Promise<PlacementGroup> {
    return this.#caller.call('POST', `/placement/groups/${id}/assign`, groupSchema, { body: { linodes } });
  }

  unassign(id: number, linodes: readonly number[]): Promise<PlacementGroup> {
    return this.#caller.call('POST', `/placement/groups/${id}/unassign`, groupSchema, { body: { linodes } });
  }
}
