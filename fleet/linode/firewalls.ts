import { z } from 'zod';
import type { Caller } from './caller.ts';

const ruleSchema = z.object({
  label: z.string().optional(),
  action: z.string(),
  protocol: z.string(),
  ports: z.string().optional(),
  addresses: z.object({ ipv4: z.array(z.string()).optional(), ipv6: z.array(z.string()).optional() }).optional(),
});
export type FirewallRule = z.output<typeof ruleSchema>;

const rulesSchema = z.object({
  // null as well as an empty list.
  inbound: z.array(ruleSchema).nullable(),
  inbound_policy: z.string(),
  outbound: z.array(ruleSchema).nullable(),
  outbound_policy: z.string(),
});

const firewallSchema = z.object({
  id: z.number(),
  label: z.string(),
  status: z.string(),
  rules: rulesSchema,
  tags: z.array(z.string()),
});
export type LinodeFirewall = z.output<typeof firewallSchema>;

const deviceSchema = z.object({
  id: z.number(),
  entity: z.object({ id: z.number(), type: z.string(), label: z.string().nullable() }),
});
export type FirewallDevice = z.output<typeof deviceSchema>;

export interface NewFirewall {
  label: string;
  rules: {
    inbound: readonly FirewallRule[];
    inbound_policy: 'ACCEPT' | 'DROP';
    outbound: readonly FirewallRule[];
    outbound_policy: 'ACCEPT' | 'DROP';
  };
  tags?: readonly string[];
}

/** `/networking/firewalls`. */
export class Firewalls {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  list(): Promise<LinodeFirewall[]> {
    return this.#caller.list('/networking/firewalls', firewallSchema);
  }

  /** @throws LinodeError `not_found` */
  get(id: number): Promise<LinodeFirewall> {
    return this.#caller.call('GET', `/networking/firewalls/${id}`, firewallSchema);
  }

  create(wanted: NewFirewall): Promise<LinodeFirewall> {
    return this.#caller.call('POST', '/networking/firewalls', firewallSchema, { body: wanted });
  }

  delete(id: number): Promise<void> {
    return this.#caller.remove(`/networking/firewalls/${id}`);
  }

  devices(id: number): Promise<FirewallDevice[]> {
    return this.#caller.list(`/networking/firewalls/${id}/devices`, deviceSchema);
  }

  /** Puts a Linode behind it. */
  attach(id: number, linodeId: number): Promise<FirewallDevice> {
    const body = { id: linodeId, type: 'linode' };
    return this.#caller.call('POST', `/networking/firewalls/${id}/devices`, deviceSchema, { body });
  }

  detach(id: number, deviceId: number): Promise<void> {
    return this.#caller.remove(`/networking/firewalls/${id}/devices/${deviceId}`);
  }
}
