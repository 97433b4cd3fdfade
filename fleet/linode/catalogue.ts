import { z } from 'zod';
import type { Caller } from './caller.ts';

/** US dollars. `monthly` is the most that a month costs; null where there is no such limit. */
const priceSchema = z.object({ hourly: z.number().nullable(), monthly: z.number().nullable() });
const regionPriceSchema = priceSchema.extend({ id: z.string() });

const typeSchema = z.object({
  id: z.string(),
  label: z.string(),
  class: z.string(),
  price: priceSchema,
  /** Regions that cost something else. */
  region_prices: z.array(regionPriceSchema),
  vcpus: z.number(),
  /** MiB. */
  memory: z.number(),
  disk: z.number(),
  /** GB a month, in the pool. */
  transfer: z.number(),
  /** Mbit/s. */
  network_out: z.number(),
});
export type LinodeType = z.output<typeof typeSchema>;

const regionSchema = z.object({
  id: z.string(),
  label: z.string(),
  country: z.string(),
  /** `Linodes`, `Metadata`, `Placement Group`, `Cloud Firewall` and more. */
  capabilities: z.array(z.string()),
  /** `ok`, `outage`. */
  status: z.string(),
  placement_group_limits: z
    .object({ maximum_pgs_per_customer: z.number().nullable(), maximum_linodes_per_pg: z.number() })
    .optional(),
});
export type LinodeRegion = z.output<typeof regionSchema>;

const availabilitySchema = z.object({ region: z.string(), plan: z.string(), available: z.boolean() });
/** Linode tells of plans that are not everywhere; one that is in no row is available. */
export type Availability = z.output<typeof availabilitySchema>;

const transferPriceSchema = z.object({
  /** `network_transfer`, `distributed_network_transfer`. */
  id: z.string(),
  /** `hourly`: a GB over the pool, in spite of its name. */
  price: priceSchema,
  region_prices: z.array(regionPriceSchema),
});

export interface TransferPrices {
  /** US dollars a GB over the pool. */
  perGb: number;
  /** Regions that cost something else. */
  byRegion: ReadonlyMap<string, number>;
}

/** `/linode/types`, `/regions`, `/network-transfer/prices`: what there is and what it costs. */
export class Catalogue {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  types(): Promise<LinodeType[]> {
    return this.#caller.list('/linode/types', typeSchema);
  }

  /** @throws LinodeError `not_found` */
  type(id: string): Promise<LinodeType> {
    return this.#caller.call('GET', `/linode/types/${encodeURIComponent(id)}`, typeSchema);
  }

  regions(): Promise<LinodeRegion[]> {
    return this.#caller.list('/regions', regionSchema);
  }

  availability(): Promise<Availability[]> {
    return this.#caller.list('/regions/availability', availabilitySchema);
  }

  async transferPrices(): Promise<TransferPrices> {
    const rows = await this.#caller.list('/network-transfer/prices', transferPriceSchema);
    const row = rows.find(({ id }) => id === 'network_transfer');
    return {
      perGb: row?.price.hourly ?? 0,
      byRegion: new Map(row?.region_prices.map(({ id, hourly }) => [id, hourly ?? 0])),
    };
  }
}
