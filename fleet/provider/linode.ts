import { type Linode, LinodeError, type LinodeInstance } from '../linode/index.ts';
import {
  type Machine,
  type NewMachine,
  type Prices,
  type Provider,
  type ProviderCode,
  ProviderError,
  type Transfer,
} from './types.ts';

export interface LinodeProviderOptions {
  linode: Linode;
  /** `g6-standard-2`. */
  type: string;
  /** `linode/debian12`, or `private/ID`. */
  image: string;
  /** What the machine does at its first boot. Read once a machine; in clear in its metadata. */
  userData?: ((machine: NewMachine) => string | Promise<string>) | undefined;
  firewallId?: number | undefined;
  authorizedKeys?: readonly string[] | undefined;
}

/** Machines at Linode. */
export function linodeProvider(options: LinodeProviderOptions): Provider {
  const { linode, type, image, userData, firewallId, authorizedKeys } = options;
  return {
    machines: (tag) => told(async () => (await linode.instances.list({ tag })).map(machineOf)),
    create: (machine) =>
      told(async () => {
        const { label, zone, tags } = machine;
        const data = await userData?.(machine);
        const wanted = {
          ...{ label, region: zone, type, image, tags },
          ...(data !== undefined && { userData: data }),
          ...(firewallId !== undefined && { firewallId }),
          ...(authorizedKeys && { authorizedKeys }),
        };
        return machineOf(await linode.instances.create(wanted));
      }),
    remove: (id) => told(() => linode.instances.delete(Number(id))),
    billing: {
      transfer: () =>
        told(async (): Promise<Transfer> => {
          const { used, quota } = await linode.account.transfer();
          return { usedGb: used, quotaGb: quota };
        }),
      prices: () =>
        told(async (): Promise<Prices> => {
          const { price, transfer } = await linode.catalogue.type(type);
          const { perGb, byRegion } = await linode.catalogue.transferPrices();
          const overageGbByZone = Object.fromEntries(byRegion);
          return { machineHour: price.hourly ?? 0, machineTransferGb: transfer, overageGb: perGb, overageGbByZone };
        }),
    },
  };
}

const STATUSES: Readonly<Record<string, Machine['status']>> = {
  running: 'running',
  provisioning: 'starting',
  booting: 'starting',
  rebooting: 'starting',
  rebuilding: 'starting',
  restoring: 'starting',
  deleting: 'going',
};

function machineOf({ id, label, region, type, status, tags, created }: LinodeInstance): Machine {
  const machine = { id: String(id), label, zone: region, type: type ?? '', tags, createdMs: created };
  return { ...machine, status: STATUSES[status] ?? 'stopped' };
}

const CODES: Partial<Record<LinodeError['code'], ProviderCode>> = {
  outcome_unknown: 'outcome_unknown',
  // It may have been made: the answer is another than was thought.
  unexpected_answer: 'outcome_unknown',
  rate_limited: 'rate_limited',
  account_limit: 'account_limit',
  unavailable: 'unavailable',
  no_capacity: 'unavailable',
  busy: 'unavailable',
};

async function told<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    if (!(cause instanceof LinodeError)) throw cause;
    const { code, message, retryAfterMs, reasons } = cause;
    const taken =
      code === 'refused' && reasons.some(({ field, reason }) => field === 'label' && /unique/i.test(reason));
    throw new ProviderError(taken ? 'label_taken' : (CODES[code] ?? 'refused'), message, { retryAfterMs, cause });
  }
}
