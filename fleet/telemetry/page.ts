import type { FleetStatus } from '../run/fleet.ts';
import type { AlarmCode } from '../scale/types.ts';

type Kind = 'gauge' | 'counter';
type Labels = Readonly<Record<string, string>>;
type Row = readonly [labels: Labels, value: number];

const GB = 1e9;

/** Zero while none stands: an alert must not wait for its label to appear. */
const ALARMS = {
  at_max: 0,
  drain_overdue: 0,
  never_came_up: 0,
  not_ours: 0,
  provider_dark: 0,
  provider_silent: 0,
  relay_lost: 0,
  transfer_over: 0,
  vanished: 0,
  zone_fails: 0,
} satisfies Record<AlarmCode, 0>;

/** One fleet's page for Prometheus, text format 0.0.4. No label is made of what a client or a room says. */
export function metricsPage({ dryRun, status }: { dryRun: boolean; status: FleetStatus }): string {
  const { relays, need, alarms, transfer, shares, counts } = status;
  const one = (value: number): Row[] => [[{}, value]];
  const machines = Object.entries(shares).flatMap(([region, byProvider]) =>
    Object.entries(byProvider).flatMap(([provider, share]) =>
      Object.entries(share.relays).map(([phase, n]): Row => [{ region, provider, phase }, n]),
    ),
  );
  const regions = new Set([...Object.keys(shares), ...relays.map(({ region }) => region)]);
  const perRegion = (of: (inRegion: FleetStatus['relays']) => number): Row[] =>
    [...regions].map((region) => [{ region }, of(relays.filter((relay) => relay.region === region))]);
  const ofTransfer = (value: (forecast: FleetStatus['transfer'][string]) => number | undefined): Row[] =>
    Object.entries(transfer).flatMap(([provider, forecast]): Row[] => {
      const n = value(forecast);
      return n === undefined ? [] : [[{ provider }, n]];
    });
  const sum = (list: readonly number[]) => list.reduce((total, n) => total + n, 0);
  const bounds = Object.entries(need).flatMap(([region, { least, most }]): Row[] => [
    [{ region, bound: 'least' }, least],
    [{ region, bound: 'most' }, most],
  ]);
  const standing = Object.keys(ALARMS).map(
    (code): Row => [{ code }, alarms.filter((each) => each.code === code).length],
  );
  const families: [name: string, kind: Kind, help: string, rows: Row[]][] = [
    ['leads', 'gauge', '1 while this instance makes and removes machines.', one(Number(status.leads))],
    ['dry_run', 'gauge', '1: it says what it would do, and does nothing.', one(Number(dryRun))],
    ['relays', 'gauge', 'Relays that the directory has.', perRegion((list) => list.length)],
    ['relays_draining', 'gauge', 'Of them, on their way out.', perRegion((l) => l.filter((r) => r.draining).length)],
    ['viewers', 'gauge', 'On these relays.', perRegion((list) => sum(list.map(({ viewers }) => viewers)))],
    ['rooms', 'gauge', 'On these relays.', perRegion((list) => sum(list.map(({ rooms }) => rooms)))],
    ['fullness', 'gauge', 'Of the fullest relay; 1: it takes no room more.', perRegion(fullest)],
    ['machines', 'gauge', 'Machines that the fleet made, by phase; from the instance that leads.', machines],
    ['need', 'gauge', 'Relays that a region has to have, and may have.', bounds],
    ['alarms', 'gauge', 'Alarms that stand, by code.', standing],
    [
      'placements_total',
      'counter',
      'Rooms that asked for a relay; stretched and elsewhere are among placed.',
      placements(counts),
    ],
    [
      'transfer_used_bytes',
      'gauge',
      "Forecast of the account's transfer at the month's end.",
      ofTransfer((f) => f.usedGb * GB),
    ],
    ['transfer_pool_bytes', 'gauge', 'What will be paid for by then.', ofTransfer((f) => f.quotaGb * GB)],
    ['transfer_overage_bytes', 'gauge', 'Forecast of what goes over it.', ofTransfer((f) => f.overageGb * GB)],
    ['transfer_overage_dollars', 'gauge', 'What that costs.', ofTransfer((f) => f.overageDollars)],
    [
      'transfer_crosses_timestamp_seconds',
      'gauge',
      'When use passes the pool, seconds since 1970; absent: not this month.',
      ofTransfer((f) => f.crossesMs && f.crossesMs / 1000),
    ],
  ];
  return families.map(familyText).join('');
}

const fullest = (relays: FleetStatus['relays']) => Math.max(0, ...relays.map(({ fullness }) => fullness));

function placements({ placed, stretched, elsewhere, refused, replaced }: FleetStatus['counts']): Row[] {
  return Object.entries({ placed, stretched, elsewhere, refused, replaced }).map(([how, n]) => [{ how }, n]);
}

function familyText([name, kind, help, rows]: [string, Kind, string, Row[]]): string {
  const full = `hayate_fleet_${name}`;
  const lines = rows.map(([labels, value]) => `${full}${labelText(labels)} ${value}\n`);
  return `# HELP ${full} ${help}\n# TYPE ${full} ${kind}\n${lines.join('')}`;
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, '_')}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}
