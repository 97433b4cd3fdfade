import { toApiTime } from '../time.ts';
import { type Answer, type Asked, notFound, ok, page } from './answer.ts';
import { OWN_POOL, REGIONS, TRANSFER_PRICES, TYPES, typeOf } from './catalogue.ts';
import { type FakeEvent, type FakeMachine, monthEndMs, monthOf, monthStartMs, type World } from './world.ts';

interface Pool {
  used: number;
  quota: number;
}

interface Month {
  startMs: number;
  dollars: number;
  /** By region for those with a pool of their own, the others under ''. */
  pools: Map<string, Pool>;
}

const HOUR_MS = 3_600_000;
/** An event is not begun with before. */
const SCHEDULED_MS = 1000;

/** `/account`, transfer, events, types, regions and prices of the fake. */
export class Ledger {
  readonly #world: World;
  /** Of those that were deleted this month. */
  #gone: Month & { counted: number } = { ...emptyMonth(0), counted: 0 };

  constructor(world: World) {
    this.#world = world;
  }

  account(): Answer {
    return ok({
      ...{ company: '', email: 'operator@example.com', first_name: '', last_name: '', address_1: '', address_2: '' },
      ...{ city: '', state: '', zip: '', country: 'JP', phone: '', tax_id: '', credit_card: null, euuid: '' },
      ...{ balance: 0, balance_uninvoiced: Math.round(this.#month().dollars * 100) / 100, billing_source: 'linode' },
      ...{ active_since: '2020-01-01T00:00:00', active_promotions: [] },
      capabilities: ['Linodes', 'Cloud Firewall', 'Placement Group'],
    });
  }

  accountTransfer(): Answer {
    const { '': main, ...others } = Object.fromEntries(this.#month().pools);
    return ok({
      ...rounded(main!),
      region_transfers: Object.entries(others).map(([id, pool]) => ({ id, ...rounded(pool) })),
    });
  }

  instanceTransfer({ ids }: Asked): Answer {
    const machine = this.#world.machines.get(Number(ids[0]));
    return machine ? ok(rounded(share(machine, this.#world.nowMs()))) : notFound;
  }

  events(asked: Asked): Answer {
    const nowMs = this.#world.nowMs();
    const fields = ({ id, action, createdMs, status, entity }: FakeEvent) => ({
      ...{ id, action, created: toApiTime(createdMs), status },
      ...{ 'entity.id': entity.id, 'entity.type': entity.type },
    });
    const filter = { '+order_by': 'id', '+order': 'desc', ...asked.filter };
    return page({ ...asked, filter }, this.#world.events, fields, (event) => JSON.stringify(eventView(event, nowMs)));
  }

  event({ ids }: Asked): Answer {
    const event = this.#world.events.find(({ id }) => id === Number(ids[0]));
    return event ? ok(eventView(event, this.#world.nowMs())) : notFound;
  }

  types(asked: Asked): Answer {
    return page(asked, TYPES, ({ id, label, class: kind }) => ({ id, label, class: kind }), JSON.stringify);
  }

  type({ ids }: Asked): Answer {
    const type = typeOf.get(ids[0]!);
    return type ? ok(type) : notFound;
  }

  regions(asked: Asked): Answer {
    const rows = REGIONS.map((region) =>
      this.#world.outages.has(region.id) ? { ...region, status: 'outage' } : region,
    );
    return page(
      asked,
      rows,
      ({ id, country }) => ({ id, country }),
      (region) => JSON.stringify(region),
    );
  }

  availability(asked: Asked): Answer {
    const { full, outages } = this.#world;
    const rows = REGIONS.flatMap(({ id: region }) =>
      TYPES.map(({ id: plan }) => ({
        ...{ region, plan },
        available: !outages.has(region) && !full.has(region) && !full.has(`${region} ${plan}`),
      })),
    );
    return page(
      asked,
      rows,
      (row) => row,
      (row) => JSON.stringify(row),
    );
  }

  prices(asked: Asked): Answer {
    return page(
      asked,
      TRANSFER_PRICES,
      ({ id }) => ({ id }),
      (row) => JSON.stringify(row),
    );
  }

  /** What all Linodes of this month come to, up to now. */
  #month(): Month {
    const nowMs = this.#world.nowMs();
    const startMs = monthStartMs(nowMs);
    const { gone } = this.#world;
    if (this.#gone.startMs !== startMs) this.#gone = { ...emptyMonth(startMs), counted: this.#gone.counted };
    // A day may see thousands go: each is counted once.
    for (; this.#gone.counted < gone.length; this.#gone.counted += 1) {
      const machine = gone[this.#gone.counted]!;
      if (machine.deletedMs! > startMs) add(this.#gone, machine, nowMs);
    }
    const { dollars, pools } = this.#gone;
    const sum: Month = { startMs, dollars, pools: new Map([...pools].map(([id, pool]) => [id, { ...pool }])) };
    for (const machine of this.#world.machines.values()) add(sum, machine, nowMs);
    return sum;
  }
}

function emptyMonth(startMs: number): Month {
  return { startMs, dollars: 0, pools: new Map([['', { used: 0, quota: 0 }]]) };
}

function add(month: Month, machine: FakeMachine, nowMs: number): void {
  const key = OWN_POOL.has(machine.region) ? machine.region : '';
  const pool = month.pools.get(key) ?? { used: 0, quota: 0 };
  const { used, quota } = share(machine, nowMs);
  month.pools.set(key, { used: pool.used + used, quota: pool.quota + quota });
  // By hours begun, no more than a month costs; powered off or not.
  const type = typeOf.get(machine.type)!;
  const price = type.region_prices.find(({ id }) => id === machine.region) ?? type.price;
  const activeMs = (machine.deletedMs ?? nowMs) - Math.max(machine.createdMs, month.startMs);
  month.dollars += Math.min(price.monthly, Math.ceil(activeMs / HOUR_MS) * price.hourly);
}

/**
 * What a Linode used and brings this month. It brings the hours to the month's end as soon as it is made; deleted, it takes those along
 * that were not over.
 */
function share({ type, createdMs, deletedMs, usedGb }: FakeMachine, nowMs: number): Pool {
  const [startMs, endMs] = [monthStartMs(nowMs), monthEndMs(nowMs)];
  const activeMs = (deletedMs ?? endMs) - Math.max(createdMs, startMs);
  return {
    used: usedGb.get(monthOf(nowMs)) ?? 0,
    quota: (typeOf.get(type)!.transfer * activeMs) / (endMs - startMs),
  };
}

function rounded({ used, quota }: Pool) {
  return { used: Math.round(used), quota: Math.round(quota), billable: Math.round(Math.max(0, used - quota)) };
}

function eventView({ id, action, createdMs, tookMs, status, entity, secondary }: FakeEvent, nowMs: number) {
  const ended = status === 'finished' || status === 'failed';
  const goneMs = Math.min(nowMs - createdMs, tookMs);
  const now = !ended && goneMs < SCHEDULED_MS ? 'scheduled' : status;
  return {
    ...{ id, created: toApiTime(createdMs), seen: false, read: false },
    percent_complete: ended ? 100 : Math.min(99, Math.floor((100 * goneMs) / Math.max(1, tookMs))),
    ...{ time_remaining: ended ? 0 : null, rate: null, duration: (ended ? tookMs : goneMs) / 1000 },
    ...{ action, username: 'hayate', entity, status: now, secondary_entity: secondary, message: '' },
  };
}
