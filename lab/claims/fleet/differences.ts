import type { Difference, DifferenceKind } from './shape.ts';

interface Explained {
  /** Of which calls. */
  calls: readonly string[];
  path: string;
  kind: DifferenceKind;
  /** What the fake does, word for word as the comparison says it: any other difference at the same place is a new one. */
  fake?: string;
  reason: string;
}

const INSTANCE = 'GET /linode/instances/N';
const CREATE = 'POST /linode/instances';
const UPDATE = 'PUT /linode/instances/N';
const INSTANCES = 'GET /linode/instances';
const EVENTS = 'GET /account/events';
const FIREWALLS = 'GET /networking/firewalls';

const NEWER =
  'a field of 2026: recorded in newer answers to POST /linode/instances, where it is compared; older recordings of this call lack it';
const NOT_RECORDED = 'documented, and in other recorded calls; nobody recorded this call in that state';
const GROUPED = 'nobody recorded a Linode in a placement group; object of the documented shape, ours is in one';
const GROUP =
  'null, object {id: number, label: string, placement_group_type: string, placement_group_policy: string, migrating_to: null}';
const MEMBER = 'object {linode_id: number, is_compliant: boolean}';
const TAGGED = 'recorded Linodes have no tags; ours do, texts by the documentation';
const RULES = 'rules are given back as they were sent; ours are for UDP and ICMP too, which the documentation has';
const NO_BACKUPS = 'the fake offers no backups';
const LEGACY =
  'the recorded firewall stands before Linode interfaces; relays have legacy ones, whose devices are compared in .../devices';

const rows = (
  calls: readonly string[],
  kind: DifferenceKind,
  fakeByPath: Readonly<Record<string, string>>,
  reason: string,
): Explained[] => Object.entries(fakeByPath).map(([path, fake]) => ({ calls, path, kind, fake, reason }));

/** Where the fake differs from what was recorded, and why that is right. What is not in here, or no more the case, fails claim fleet.5. */
const EXPLAINED: readonly Explained[] = [
  ...rows(
    [INSTANCE, UPDATE],
    'extra',
    { 'alerts.system_alerts': 'always array', 'alerts.user_alerts': 'always array', locks: 'always array' },
    NEWER,
  ),
  ...rows(
    [INSTANCES],
    'extra',
    {
      'data[].alerts.system_alerts': 'always array',
      'data[].alerts.user_alerts': 'always array',
      'data[].locks': 'always array',
    },
    NEWER,
  ),
  ...rows([INSTANCES], 'word', { 'data[].status': 'booting, offline, running' }, NOT_RECORDED),
  ...rows([INSTANCES], 'type', { 'data[].image': 'null, string' }, NOT_RECORDED),
  ...rows([INSTANCE], 'word', { status: 'booting, provisioning, shutting_down' }, NOT_RECORDED),
  ...rows([UPDATE], 'word', { status: 'offline, running' }, NOT_RECORDED),
  ...rows([INSTANCES], 'word', { 'data[].maintenance_policy': 'linode/migrate' }, NOT_RECORDED),
  ...rows([INSTANCE], 'word', { maintenance_policy: 'linode/migrate' }, NOT_RECORDED),
  ...rows([INSTANCES], 'type', { 'data[].placement_group': GROUP }, GROUPED),
  ...rows([INSTANCE, CREATE], 'type', { placement_group: GROUP }, GROUPED),
  ...rows([INSTANCES], 'uncompared', { 'data[].tags[]': 'string' }, TAGGED),
  ...rows([INSTANCE, CREATE, UPDATE], 'uncompared', { 'tags[]': 'string' }, TAGGED),
  ...rows(
    [INSTANCE],
    'narrower',
    { 'backups.schedule.day': 'null', 'backups.schedule.window': 'null', 'backups.last_successful': 'null' },
    NO_BACKUPS,
  ),

  ...rows(
    [EVENTS],
    'word',
    { 'data[].action': 'disk_imagize, linode_delete', 'data[].status': 'finished' },
    NOT_RECORDED,
  ),
  ...rows(['GET /account/events/N'], 'word', { action: 'disk_imagize, linode_delete, linode_shutdown' }, NOT_RECORDED),
  ...rows(['GET /account/events/N'], 'word', { status: 'scheduled' }, NOT_RECORDED),
  ...rows(
    [EVENTS],
    'type',
    { 'data[].time_remaining': 'null, number' },
    'of a finished event: 0, as in recorded GET /account/events/N',
  ),
  ...rows(
    ['GET /account/events/N'],
    'type',
    { secondary_entity: 'null, object' },
    'null as in the recorded list, of a shutdown',
  ),
  ...rows(
    [EVENTS],
    'narrower',
    { 'data[].percent_complete': 'number', 'data[].duration': 'number' },
    'null in notifications only; the fake has no events of that kind',
  ),
  ...rows([EVENTS], 'never', { 'data[].details': 'never' }, 'in one recording of a notification, and {} there'),

  ...rows([FIREWALLS], 'word', { 'data[].rules.inbound[].protocol': 'UDP' }, RULES),
  ...rows(['GET /networking/firewalls/N'], 'word', { 'rules.inbound[].protocol': 'UDP' }, RULES),
  ...rows(['POST /networking/firewalls'], 'word', { 'rules.inbound[].protocol': 'ICMP, UDP' }, RULES),
  ...rows(
    ['GET /networking/firewalls/N', 'POST /networking/firewalls'],
    'extra',
    { 'rules.inbound[].description': 'sometimes string' },
    RULES,
  ),
  ...rows(
    [FIREWALLS],
    'type',
    { 'data[].rules.outbound': 'array, null' },
    'null as recorded in POST /networking/firewalls',
  ),
  ...rows(
    [FIREWALLS],
    'type',
    { 'data[].entities[].label': 'string', 'data[].entities[].parent_entity': 'null' },
    LEGACY,
  ),
  ...rows(
    [FIREWALLS],
    'narrower',
    { 'data[].entities[].label': 'string', 'data[].entities[].parent_entity': 'null' },
    LEGACY,
  ),
  ...rows([FIREWALLS], 'word', { 'data[].entities[].type': 'linode' }, LEGACY),
  ...rows(
    ['POST /networking/firewalls'],
    'uncompared',
    { 'entities[]': 'empty' },
    'made without devices; they are compared in GET',
  ),

  ...rows(
    ['GET /placement/groups'],
    'uncompared',
    { 'data[].members[]': MEMBER },
    'compared in GET /placement/groups/N',
  ),
  ...rows(
    ['POST /placement/groups/N/unassign'],
    'uncompared',
    { 'members[]': MEMBER },
    'compared in GET /placement/groups/N',
  ),
  ...rows(
    ['GET /placement/groups/N'],
    'narrower',
    { migrations: 'null' },
    'the fake moves no Linode between groups while it runs',
  ),

  ...['capabilities', 'monitors', 'resolvers'].map((name) => ({
    ...{ calls: ['GET /regions'], path: `data[].${name}`, kind: 'row' as const },
    reason: 'what relays need of a region, and name servers of nobody; every word is in a recording',
  })),

  {
    ...{ calls: ['errors'], path: 'status', kind: 'word', fake: '408, 429, 500' },
    reason: 'nobody recorded one: by the documentation (429) and by what users report of 408',
  },
  {
    ...{ calls: ['errors'], path: 'body.errors[].reason', kind: 'word' },
    reason:
      'texts of mistakes nobody recorded; the client goes by status, and by text for limits, capacity and busy alone',
  },
];

/** Differences that the table does not explain, and rows of it that explain none. */
export function unexplained(differences: readonly Difference[], table: readonly Explained[] = EXPLAINED) {
  const fits = (row: Explained, { call, path, kind, fake }: Difference) =>
    row.calls.includes(call) && row.path === path && row.kind === kind && (row.fake === undefined || row.fake === fake);
  return {
    differences: differences.filter((each) => !table.some((row) => fits(row, each))),
    stale: table.flatMap((row) =>
      row.calls.flatMap((call) =>
        differences.some((each) => fits({ ...row, calls: [call] }, each)) ? [] : [`${call} ${row.path} ${row.kind}`],
      ),
    ),
  };
}
