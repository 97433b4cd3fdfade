import { z } from 'zod';
import type { Caller } from './caller.ts';
import { apiTime, toApiTime } from './time.ts';

const accountSchema = z.object({
  /** US dollars: owed when positive. */
  balance: z.number(),
  /** Of this month so far, without transfer over the pool. */
  balance_uninvoiced: z.number(),
  capabilities: z.array(z.string()),
});
export type LinodeAccount = z.output<typeof accountSchema>;

const poolSchema = z.object({ used: z.number(), quota: z.number(), billable: z.number() });
const transferSchema = poolSchema.extend({
  /** Pools of regions that cost something else. */
  region_transfers: z.array(poolSchema.extend({ id: z.string() })),
});
/**
 * GB of 10^9 bytes, of this month. A Linode brings its share up to the month's end into `quota` as soon as it is made; deleted, it takes
 * along what is left of the month. So `quota` is a forecast: what there will be if nothing is made or deleted any more.
 */
export type AccountTransfer = z.output<typeof transferSchema>;

const eventSchema = z.object({
  id: z.number(),
  /** `linode_create`, `linode_boot`, `linode_delete`, `host_reboot` and many more. */
  action: z.string(),
  /** `scheduled`, `started`, `finished`, `failed`, `notification`. */
  status: z.string(),
  created: apiTime,
  username: z.string().nullable(),
  entity: z
    .object({ id: z.union([z.number(), z.string()]).nullable(), type: z.string(), label: z.string().nullable() })
    .nullable(),
});
export type LinodeEvent = z.output<typeof eventSchema>;

/** `/account`, `/account/transfer`, `/account/events`. */
export class Account {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  get(): Promise<LinodeAccount> {
    return this.#caller.call('GET', '/account', accountSchema);
  }

  transfer(): Promise<AccountTransfer> {
    return this.#caller.call('GET', '/account/transfer', transferSchema);
  }

  /** Newest first, back to this moment (ms since 1970, to the second). */
  events(sinceMs: number): Promise<LinodeEvent[]> {
    const filter = { created: { '+gte': toApiTime(sinceMs) }, '+order_by': 'created', '+order': 'desc' };
    return this.#caller.list('/account/events', eventSchema, filter);
  }
}
