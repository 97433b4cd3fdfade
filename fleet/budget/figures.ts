import { HayateError } from '@hayate/codec/errors';
import { z } from 'zod';
import shipped from './measured.json' with { type: 'json' };
import { BUSY, LINODE, readJson, type Traffic } from './plan.ts';

/** What a viewer costs in one way of sending, as it was measured. */
export interface Measured {
  bundled: boolean;
  dtx: boolean;
  /** Row of the result: the trace of each number that follows. */
  row: string;
  bytesAViewerSecond: number;
  /** us a viewer and second: the forwarding thread, and all threads. */
  engineUs: number;
  cpuUs: number;
}

/** Where and when figures were measured. `passed`: whether all that the claim asks for was met. */
interface Run {
  at: string;
  commit: string;
  passed: boolean;
}

/** A number that goes into the table, and where it is from. */
export interface PlanInput {
  what: string;
  unit: string;
  value: number;
  from: /** Keys of the result's `figures`, outermost first. */
    | ({ claim: string; key: readonly string[] } & Run)
    /** A field of an answer of Linode's API. */
    | { linode: string; field: string }
    /** Not measured: by whom. */
    | { chosen: string };
}

export interface PlanBasis {
  measured: Measured[];
  machineHoursByLoad: number;
  inputs: PlanInput[];
}

/** Rows of claim lag.1. */
const ROWS = [
  { row: '5 ms: unbundled', bundled: false, dtx: false },
  { row: '5 ms: unbundled, half of the voice DTX', bundled: false, dtx: true },
  { row: '5 ms: hayate', bundled: true, dtx: false },
  { row: '5 ms: hayate, half of the voice DTX', bundled: true, dtx: true },
];
const FIELDS = [
  ['wire_bytes_per_viewer_s', 'B/s a viewer'],
  ['engine_cpu_us_per_viewer_s', 'us of the forwarding thread a viewer and second'],
  ['cpu_us_per_viewer_s', 'us of all threads a viewer and second'],
] as const;
const MACHINE_FIELDS = [
  ['cpus', 'vcpus', 'cores'],
  ['dollarsAnHour', 'price.hourly', '$ an hour'],
  ['transferGb', 'transfer', 'GB of transfer a month'],
] as const;
const OVER = 'vm_hours_over_clairvoyant';

const run = { at: z.string(), commit: z.string(), passed: z.boolean() };
const wayShape = Object.fromEntries(FIELDS.map(([field]) => [field, z.number().positive()])) as Record<
  (typeof FIELDS)[number][0],
  z.ZodNumber
>;
const waysSchema = z.object({
  ...run,
  figures: z.object(Object.fromEntries(ROWS.map(({ row }) => [row, z.object(wayShape)]))),
});
/** Of its figures only days have machine-hours. */
const daysSchema = z.object({ ...run, figures: z.record(z.string(), z.unknown()) });
const daySchema = z.object({ [OVER]: z.number() });

/**
 * What of the results of lag.1 and fleet.1 goes into a plan: the text of `measured.json`, which ships where results do not.
 * @throws HayateError `invalid_argument` for what is no such result
 */
export function figuresOf(lag: unknown, fleet: unknown): string {
  const ways = checked(waysSchema, lag, 'lag.1');
  const { figures, ...about } = checked(daysSchema, fleet, 'fleet.1');
  const days = Object.entries(figures).flatMap(([key, value]) => {
    const { success, data } = daySchema.safeParse(value);
    return success ? [[key, data] as const] : [];
  });
  if (days.length === 0) throw new HayateError('invalid_argument', 'fleet.1: no day has machine-hours');
  const of = { 'lag.1': ways, 'fleet.1': { ...about, figures: Object.fromEntries(days) } };
  return `${JSON.stringify(of, null, 2)}\n`;
}

/**
 * The numbers of a plan, each with its trace.
 * @param file result of claim lag.1; without: the figures that this release was made with
 * @throws HayateError `invalid_argument`
 */
export function planBasis(traffic: Traffic, file?: string): PlanBasis {
  const { figures, ...about } = checked(waysSchema, file === undefined ? shipped['lag.1'] : readJson(file), file ?? '');
  const measured = ROWS.map((way): Measured => {
    const { wire_bytes_per_viewer_s: bytes, ...us } = figures[way.row]!;
    const { engine_cpu_us_per_viewer_s: engineUs, cpu_us_per_viewer_s: cpuUs } = us;
    return { ...way, bytesAViewerSecond: bytes, engineUs, cpuUs };
  });
  const ways = ROWS.flatMap(({ row }) =>
    FIELDS.map(([field, unit]): PlanInput => {
      const from = { claim: 'lag.1', key: [row, field], ...about };
      return { what: row, unit, value: figures[row]![field], from };
    }),
  );
  const { at, commit, passed } = shipped['fleet.1'];
  const days = Object.entries<{ [OVER]: number }>(shipped['fleet.1'].figures);
  // The worst: a plan that is met by some days only is none.
  const [day, { [OVER]: over }] = days.reduce((worst, each) => (each[1][OVER] > worst[1][OVER] ? each : worst));
  const hours: PlanInput =
    traffic.machineHoursByLoad === undefined
      ? {
          what: `machine-hours over the least possible, ${day}`,
          ...{ unit: 'share', value: over, from: { claim: 'fleet.1', key: [day, OVER], at, commit, passed } },
        }
      : {
          what: 'machine-hours by what the load fills',
          ...{ unit: 'ratio', value: traffic.machineHoursByLoad, from: { chosen: 'by the traffic' } },
        };
  return {
    measured,
    machineHoursByLoad: traffic.machineHoursByLoad ?? 1 + over,
    inputs: [...ways, hours, ...given(traffic)],
  };
}

/** Prices are Linode's where the traffic says no other ones. */
function given({ viewerHours, terabytes, egressDollarsAGb, machines, peakByMean }: Traffic): PlanInput[] {
  const chosen = { chosen: 'by the traffic' };
  const ofMachines = machines.flatMap((machine) => {
    const ours = LINODE.machines.find(({ type }) => type === machine.type);
    return MACHINE_FIELDS.map(([key, field, unit]): PlanInput => {
      const from = ours?.[key] === machine[key] ? { linode: `/linode/types/${machine.type}`, field } : chosen;
      return { what: machine.type, unit, value: machine[key], from };
    });
  });
  const ofEgress = egressDollarsAGb.map((value): PlanInput => {
    const linode = { linode: '/network-transfer/prices/network_transfer', field: 'price.hourly' };
    return {
      what: `egress at ${value}`,
      unit: '$ a GB',
      value,
      from: value === LINODE.egressDollarsAGb ? linode : chosen,
    };
  });
  const month =
    viewerHours === undefined
      ? { unit: 'TB, unbundled and without DTX', value: terabytes! }
      : { unit: 'viewer-hours', value: viewerHours };
  return [
    ...ofMachines,
    ...ofEgress,
    { what: 'a month', ...month, from: chosen },
    { what: 'the evening by the mean', unit: 'ratio', value: peakByMean, from: chosen },
    { what: 'of a core and of all cores, in use', unit: 'share', value: BUSY, from: { chosen: 'docs/capacity.md' } },
  ];
}

function checked<T extends z.ZodType>(schema: T, value: unknown, of: string): z.output<T> {
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  throw new HayateError('invalid_argument', `${of}: ${z.prettifyError(error)}`, { cause: error });
}
