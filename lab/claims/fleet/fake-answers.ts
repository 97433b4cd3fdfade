import { FakeLinode, type Fault } from '@hayate/fleet/testing/linode';
import type { Exchange } from './shape.ts';

const START = Date.parse('2026-06-16T00:00:00Z');

/** Asks the fake for all that it can answer, in all states that it knows, and keeps what it says. */
export function fakeAnswers(): Exchange[] {
  const answers: Exchange[] = [];
  let nowMs = START;
  let n = 0;
  const random = () => {
    n += 1;
    return (n * 0.618034) % 1;
  };
  const fake = new FakeLinode({ nowMs: () => nowMs, random, accountLimit: 4 });
  const ask = (method: string, path: string, body?: object): Record<string, unknown> => {
    const [pathname, query] = path.split('?');
    const handled = fake.handle(`/v4/${pathname}`, new URLSearchParams(query), {
      ...{ method, headers: { authorization: 'Bearer token' } },
      ...(body && { body: JSON.stringify(body) }),
    });
    if (!handled) throw new Error(`${method} ${path}: cut`);
    const res = JSON.parse(handled.answer.body) as Record<string, unknown>;
    answers.push({ method, path: `/v4/${pathname}`, status: handled.answer.status, res });
    return res;
  };
  const rows = (res: Record<string, unknown>) => (res['data'] ?? []) as Record<string, unknown>[];

  const rules = {
    inbound: [
      {
        ...{ label: 'media', action: 'ACCEPT', protocol: 'UDP', ports: '443' },
        addresses: { ipv4: ['0.0.0.0/0'], ipv6: ['::/0'] },
      },
      {
        ...{ label: 'ssh', action: 'ACCEPT', protocol: 'TCP', ports: '22', description: 'Administrators' },
        addresses: { ipv4: ['192.0.2.1/32'] },
      },
      { label: 'ping', action: 'ACCEPT', protocol: 'ICMP', addresses: { ipv4: ['0.0.0.0/0'], ipv6: ['::/0'] } },
    ],
    inbound_policy: 'DROP',
    outbound: [
      {
        label: 'out',
        action: 'ACCEPT',
        protocol: 'TCP',
        ports: '443',
        addresses: { ipv4: ['0.0.0.0/0'], ipv6: ['::/0'] },
      },
    ],
    outbound_policy: 'ACCEPT',
  };
  const firewall = ask('POST', 'networking/firewalls', { label: 'relays', rules, tags: ['hayate'] });
  ask('POST', 'networking/firewalls', { label: 'relays', rules });
  const other = ask('POST', 'networking/firewalls', { label: 'other', rules: { ...rules, outbound: null } });
  const group = ask('POST', 'placement/groups', {
    ...{ label: 'jp-0', region: 'jp-tyo-3', placement_group_type: 'anti_affinity:local' },
    placement_group_policy: 'flexible',
  });
  const wanted = (label: string, more: object = {}) => ({
    ...{ label, region: 'jp-tyo-3', type: 'g6-standard-2', image: 'linode/debian12', root_pass: 'x', tags: ['hayate'] },
    ...more,
  });
  const first = ask('POST', 'linode/instances', wanted('jp-a-1', { firewall_id: firewall['id'] }));
  const second = ask('POST', 'linode/instances', wanted('jp-a-2', { placement_group: { id: group['id'] } }));
  const bare = ask('POST', 'linode/instances', { label: 'no-disks', region: 'id-cgk', type: 'g6-nanode-1' });
  const third = ask('POST', 'linode/instances', wanted('jp-a-3', { booted: false }));
  const looks = () => {
    ask('GET', 'linode/instances');
    for (const { id } of [first, second, third, bare]) {
      ask('GET', `linode/instances/${id}`);
      ask('GET', `linode/instances/${id}/disks`);
      ask('GET', `linode/instances/${id}/transfer`);
    }
    for (const { id } of rows(ask('GET', 'account/events'))) ask('GET', `account/events/${id}`);
    ask('GET', 'networking/firewalls');
    for (const { id } of [firewall, other]) ask('GET', `networking/firewalls/${id}`);
    for (const { id } of rows(ask('GET', `networking/firewalls/${firewall['id']}/devices`))) {
      ask('GET', `networking/firewalls/${firewall['id']}/devices/${id}`);
    }
    ask('GET', 'placement/groups');
    ask('GET', `placement/groups/${group['id']}`);
    ask('GET', 'account/transfer');
    ask('GET', 'account');
  };
  looks();
  ask('POST', `linode/instances/${first['id']}/boot`);
  // Account limit, label, type, region, image.
  ask('POST', 'linode/instances', wanted('jp-a-4'));
  for (const wrong of [{ label: 'jp-a-1' }, { type: 'none' }, { region: 'none' }, { image: 'none' }]) {
    ask('POST', 'linode/instances', wanted('jp-a-4', wrong));
  }
  nowMs += 70_000;
  looks();
  nowMs += 30_000;
  fake.addTraffic(first['id'] as number, 2100);
  looks();

  ask('POST', `linode/instances/${third['id']}/boot`);
  ask('PUT', `linode/instances/${first['id']}`, { tags: ['hayate', 'draining'] });
  ask('PUT', `linode/instances/${bare['id']}`, { label: 'bare' });
  ask('POST', `linode/instances/${first['id']}/shutdown`);
  ask('GET', `linode/instances/${first['id']}`);
  nowMs += 60_000;
  looks();
  const device = ask('POST', `networking/firewalls/${firewall['id']}/devices`, { id: second['id'], type: 'linode' });
  ask('DELETE', `networking/firewalls/${firewall['id']}/devices/${device['id']}`);
  ask('POST', `placement/groups/${group['id']}/assign`, { linodes: [third['id']] });
  ask('POST', `placement/groups/${group['id']}/unassign`, { linodes: [third['id']] });
  ask('POST', `placement/groups/${group['id']}/unassign`, { linodes: [second['id']] });

  const [disk] = rows(ask('GET', `linode/instances/${first['id']}/disks`));
  const image = ask('POST', 'images', { disk_id: disk!['id'], label: 'relay', cloud_init: true });
  nowMs += 200_000;
  ask('POST', `images/${image['id']}/regions`, { regions: ['jp-tyo-3', 'us-ord'] });
  ask('PUT', `images/${image['id']}`, { tags: ['hayate'] });
  ask('GET', 'images');
  ask('GET', `images/${image['id']}`);
  ask('DELETE', `images/${image['id']}`);

  ask('GET', 'linode/types');
  ask('GET', 'linode/types/g6-standard-1');
  ask('GET', 'linode/types/none');
  fake.fill('us-ord');
  ask('GET', 'regions');
  ask('GET', 'regions/availability');
  ask('GET', 'regions/availability?page=2&page_size=25');
  ask('GET', 'network-transfer/prices');
  for (const path of ['linode/instances/1', 'networking/firewalls/1/devices/1']) ask('GET', path);

  const faults: Fault[] = [
    { kind: 'status', status: 408 },
    { kind: 'status', status: 500 },
    { kind: 'status', status: 429, retryAfterS: 5 },
  ];
  for (const fault of faults) {
    fake.faults.next('GET /account', fault);
    ask('GET', 'account');
  }
  for (const { id } of [first, second, third]) ask('DELETE', `linode/instances/${id}`);
  ask('DELETE', `networking/firewalls/${firewall['id']}`);
  ask('DELETE', `placement/groups/${group['id']}`);
  looks();
  return answers;
}
