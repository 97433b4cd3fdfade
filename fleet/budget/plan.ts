import { readFileSync } from 'node:fs';
import { HayateError } from '@hayate/codec/errors';
import { z } from 'zod';
import type { Measured } from './figures.ts';

const HOURS_A_MONTH = 730;
/** Share of a core at which forwarding still has room for joins; of all threads the same of all cores (docs/capacity.md). */
export const BUSY = 0.6;

/** Read off Linode's API; claim fleet.4 compares. */
export const LINODE = {
  egressDollarsAGb: 0.005,
  machines: [
    { type: 'g6-standard-1', cpus: 1, dollarsAnHour: 0.018, transferGb: 2000 },
    { type: 'g6-standard-2', cpus: 2, dollarsAnHour: 0.036, transferGb: 4000 },
    { type: 'g6-standard-4', cpus: 4, dollarsAnHour: 0.072, transferGb: 5000 },
  ],
};

const machineSchema = z.strictObject({
  type: z.string().min(1),
  cpus: z.int().min(1),
  dollarsAnHour: z.number().min(0),
  /** In the account's pool, a month. */
  transferGb: z.number().min(0),
});

const trafficSchema = z
  .strictObject({
    viewerHours: z.number().positive().optional().describe('A month.'),
    terabytes: z
      .number()
      .positive()
      .optional()
      .describe('A month, of 10^12 bytes, sent without bundling and without DTX.'),
    /** The evening by the mean. */
    peakByMean: z.number().min(1).default(3),
    /** Machine-hours by what the load fills. Without: the measured one. */
    machineHoursByLoad: z.number().min(1).optional(),
    egressDollarsAGb: z.array(z.number().min(0)).min(1).default([LINODE.egressDollarsAGb, 0.09]),
    machines: z.array(machineSchema).min(1).default(LINODE.machines),
  })
  .refine(({ viewerHours, terabytes }) => (viewerHours === undefined) !== (terabytes === undefined), {
    message: 'wants either viewerHours or terabytes',
  });

export type Traffic = z.output<typeof trafficSchema>;

interface PlanRow extends Pick<Measured, 'bundled' | 'dtx' | 'row'> {
  machine: string;
  egressDollarsAGb: number;
  terabytes: number;
  relaysAtPeak: number;
  machineHours: number;
  machineDollars: number;
  egressDollars: number;
  dollarsAMonth: number;
  dollarsA1000ViewerHours: number;
}

/** @throws HayateError `invalid_argument` for what cannot be read, is unknown or wrong */
export function readTraffic(file: string): Traffic {
  const { success, data, error } = trafficSchema.safeParse(readJson(file));
  if (success) return data;
  throw new HayateError('invalid_argument', `${file}: ${z.prettifyError(error)}`, { cause: error });
}

/** Viewer-hours of a traffic. @param measured its row without bundling and DTX is what terabytes are of */
export function viewerHoursOf({ viewerHours, terabytes = 0 }: Traffic, measured: readonly Measured[]): number {
  if (viewerHours !== undefined) return viewerHours;
  const plain = measured.find(({ bundled, dtx }) => !bundled && !dtx)!;
  return (terabytes * 1e12) / (plain.bytesAViewerSecond * 3600);
}

/**
 * What a month costs: each way of sending on each machine at each price of egress. The pool of the machines is used first where egress
 * costs less than a cent, as at Linode; dearer places have none.
 * @param machineHoursByLoad where the traffic does not say it
 */
export function planCosts(traffic: Traffic, measured: readonly Measured[], machineHoursByLoad: number): PlanRow[] {
  const hours = viewerHoursOf(traffic, measured);
  const mean = hours / HOURS_A_MONTH;
  return measured.flatMap(({ bytesAViewerSecond, engineUs, cpuUs, ...about }) =>
    traffic.machines.flatMap(({ type, cpus, dollarsAnHour, transferGb }) => {
      const carried = Math.min((BUSY * 1e6) / engineUs, (BUSY * cpus * 1e6) / cpuUs);
      const gigabytes = (hours * 3600 * bytesAViewerSecond) / 1e9;
      const machineHours = (hours / carried) * (traffic.machineHoursByLoad ?? machineHoursByLoad);
      const pool = machineHours * (transferGb / HOURS_A_MONTH);
      return traffic.egressDollarsAGb.map((price) => {
        const machineDollars = machineHours * dollarsAnHour;
        const egressDollars = Math.max(0, gigabytes - (price < POOLED_BELOW ? pool : 0)) * price;
        const dollarsAMonth = machineDollars + egressDollars;
        return {
          ...{ ...about, machine: type, egressDollarsAGb: price, terabytes: gigabytes / 1000, machineHours },
          relaysAtPeak: Math.ceil((mean * traffic.peakByMean) / carried),
          ...{ machineDollars, egressDollars, dollarsAMonth },
          dollarsA1000ViewerHours: (dollarsAMonth / hours) * 1000,
        };
      });
    }),
  );
}

const POOLED_BELOW = 0.01;

export function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new HayateError('invalid_argument', `${file}: ${(cause as Error).message}`, { cause });
  }
}
