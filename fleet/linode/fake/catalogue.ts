/** A part of what Linode has: types that a relay may be, regions that matter here, and those that cost something else. */

interface TypeRow {
  id: string;
  label: string;
  class: string;
  vcpus: number;
  memory: number;
  disk: number;
  transfer: number;
  networkOut: number;
  /** US dollars an hour and a month: everywhere, in id-cgk, in br-gru; for backups likewise. */
  price: [number, number];
  cgk: [number, number];
  gru: [number, number];
  backups: [number, number];
  backupsCgk: [number, number];
  backupsGru: [number, number];
}

const GIB = 1024;

const ROWS: TypeRow[] = [
  {
    ...{ id: 'g6-nanode-1', label: 'Nanode 1GB', class: 'nanode', vcpus: 1, memory: GIB, disk: 25 * GIB },
    ...{ transfer: 1000, networkOut: 1000, price: [0.0075, 5], cgk: [0.009, 6], gru: [0.0105, 7] },
    ...{ backups: [0.003, 2], backupsCgk: [0.0036, 2.4], backupsGru: [0.004, 2.8] },
  },
  {
    ...{ id: 'g6-standard-1', label: 'Linode 2GB', class: 'standard', vcpus: 1, memory: 2 * GIB, disk: 50 * GIB },
    ...{ transfer: 2000, networkOut: 2000, price: [0.018, 12], cgk: [0.022, 14.4], gru: [0.025, 16.8] },
    ...{ backups: [0.004, 2.5], backupsCgk: [0.0045, 3], backupsGru: [0.005, 3.5] },
  },
  {
    ...{ id: 'g6-standard-2', label: 'Linode 4GB', class: 'standard', vcpus: 2, memory: 4 * GIB, disk: 80 * GIB },
    ...{ transfer: 4000, networkOut: 4000, price: [0.036, 24], cgk: [0.043, 28.8], gru: [0.05, 33.6] },
    ...{ backups: [0.008, 5], backupsCgk: [0.009, 6], backupsGru: [0.01, 7] },
  },
  {
    ...{ id: 'g6-standard-4', label: 'Linode 8GB', class: 'standard', vcpus: 4, memory: 8 * GIB, disk: 160 * GIB },
    ...{ transfer: 5000, networkOut: 5000, price: [0.072, 48], cgk: [0.086, 57.6], gru: [0.101, 67.2] },
    ...{ backups: [0.015, 10], backupsCgk: [0.018, 12], backupsGru: [0.021, 14] },
  },
];

const priced = ([hourly, monthly]: [number, number]) => ({ hourly, monthly });
const elsewhere = (cgk: [number, number], gru: [number, number]) => [
  { id: 'id-cgk', ...priced(cgk) },
  { id: 'br-gru', ...priced(gru) },
];

export const TYPES = ROWS.map(({ price, cgk, gru, backups, backupsCgk, backupsGru, networkOut, ...row }) => ({
  ...{ id: row.id, label: row.label, price: priced(price), region_prices: elsewhere(cgk, gru) },
  addons: { backups: { price: priced(backups), region_prices: elsewhere(backupsCgk, backupsGru) } },
  ...{ memory: row.memory, disk: row.disk, transfer: row.transfer, vcpus: row.vcpus, gpus: 0 },
  ...{ network_out: networkOut, class: row.class, successor: null },
}));

export const typeOf = new Map(TYPES.map((type) => [type.id, type]));

/** A Linode and what a relay needs of its region. */
const CAPABILITIES = ['Linodes', 'Disk Encryption', 'Backups', 'Cloud Firewall', 'Metadata', 'Placement Group'];
export const GROUP_SIZE = 5;

const region = (id: string, label: string, country: string, lacks: readonly string[] = []) => ({
  ...{ id, label, country, capabilities: CAPABILITIES.filter((each) => !lacks.includes(each)) },
  monitors: { alerts: ['NodeBalancers'], metrics: ['NodeBalancers'] },
  status: 'ok',
  resolvers: { ipv4: '192.0.2.53,192.0.2.54', ipv6: '2001:db8::53,2001:db8::54' },
  placement_group_limits: {
    maximum_pgs_per_customer: null,
    maximum_linodes_per_pg: GROUP_SIZE,
    maximum_linodes_per_flexible_pg: GROUP_SIZE,
  },
  site_type: 'core',
});

export const REGIONS = [
  region('jp-tyo-3', 'Tokyo 3, JP', 'jp'),
  region('jp-osa', 'Osaka, JP', 'jp'),
  region('ap-northeast', 'Tokyo, JP', 'jp'),
  region('us-ord', 'Chicago, IL', 'us'),
  region('us-iad', 'Washington, DC', 'us'),
  region('us-sea', 'Seattle, WA', 'us'),
  region('gb-lon', 'London 2, UK', 'gb'),
  region('id-cgk', 'Jakarta, ID', 'id'),
  region('br-gru', 'Sao Paulo, BR', 'br'),
  // Where user_data is not read: whoever takes it for granted finds out.
  region('us-west', 'Fremont, CA', 'us', ['Metadata']),
];

export const regionOf = new Map(REGIONS.map((each) => [each.id, each]));

/** US dollars a GB over the pool. */
const OVERAGE = 0.005;
export const TRANSFER_PRICES = [
  {
    ...{ id: 'distributed_network_transfer', label: 'Distributed Network Transfer' },
    ...{ price: { hourly: 0.01, monthly: null }, region_prices: [], transfer: 0 },
  },
  {
    ...{ id: 'network_transfer', label: 'Network Transfer', price: { hourly: OVERAGE, monthly: null } },
    region_prices: [
      { id: 'id-cgk', hourly: 0.015, monthly: null },
      { id: 'br-gru', hourly: 0.007, monthly: null },
    ],
    transfer: 0,
  },
];
/** They have transfer pools of their own. */
export const OWN_POOL = new Set(TRANSFER_PRICES[1]!.region_prices.map(({ id }) => id));

/** Of Linode's own, by what reads user_data. */
export const PUBLIC_IMAGES = [
  { id: 'linode/debian12', label: 'Debian 12', cloudInit: true },
  { id: 'linode/debian11', label: 'Debian 11', cloudInit: true },
  { id: 'linode/alpine3.22', label: 'Alpine 3.22', cloudInit: false },
];
