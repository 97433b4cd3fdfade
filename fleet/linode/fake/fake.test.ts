import { afterEach, describe, expect, it } from 'vitest';
import { Linode, LinodeError } from '../index.ts';
import { FakeLinode, type FakeLinodeOptions, type FakeLinodeServer, serveFakeLinode } from './index.ts';

const START = Date.parse('2026-06-16T00:00:00Z');
const HOUR_MS = 3_600_000;

function world(options: Partial<FakeLinodeOptions> = {}) {
  let nowMs = START;
  const fake = new FakeLinode({ nowMs: () => nowMs, random: () => 0, ...options });
  const clock = {
    nowMs: () => nowMs,
    sleep: async (ms: number) => {
      nowMs += ms;
    },
    timeout: () => undefined,
  };
  const linode = new Linode({ token: () => 'secret', fetch: fake.fetch, clock, random: () => 0 });
  return { fake, linode, clock, pass: (ms: number) => void clock.sleep(ms), since: () => nowMs - START };
}

const wanted = (label: string, more: object = {}) => ({
  ...{ label, region: 'jp-tyo-3', type: 'g6-standard-2', image: 'linode/debian12', tags: ['hayate'] },
  ...more,
});

async function code(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'done';
  } catch (error) {
    expect(error).toBeInstanceOf(LinodeError);
    return (error as LinodeError).code;
  }
}

describe('Linodes of the fake', () => {
  it('are made, boot, are found by label and tag, and go', async () => {
    const { fake, linode, pass } = world();
    const made = await linode.instances.create(wanted('jp-a-1', { userData: '#cloud-config' }));
    expect(made).toMatchObject({ status: 'provisioning', created: START, tags: ['hayate'] });
    expect(fake.machine('jp-a-1')?.userData).toBe('#cloud-config');
    const statuses: string[] = [];
    for (const at of [64_999, 1, 23_999, 1]) {
      pass(at);
      statuses.push((await linode.instances.get(made.id)).status);
    }
    expect(statuses).toEqual(['provisioning', 'booting', 'booting', 'running']);
    await linode.instances.create(wanted('us-a-1', { region: 'us-ord', tags: ['other'] }));
    expect((await linode.instances.list({ tag: 'hayate' })).map(({ label }) => label)).toEqual(['jp-a-1']);
    expect((await linode.instances.byLabel('us-a-1'))?.region).toBe('us-ord');
    expect(await linode.instances.byLabel('us-a')).toBeUndefined();
    await linode.instances.delete(made.id);
    expect(await code(linode.instances.get(made.id))).toBe('not_found');
    await linode.instances.delete(made.id);
    expect((await linode.account.events(START)).map(({ action, status }) => `${action} ${status}`)).toEqual([
      'linode_delete finished',
      'linode_create scheduled',
      'linode_boot finished',
      'linode_create finished',
    ]);
  });

  it('are refused for what the real ones are', async () => {
    const { fake, linode } = world({ accountLimit: 2 });
    const create = (label: string, more: object = {}) => code(linode.instances.create(wanted(label, more)));
    expect(await create('jp-a-1')).toBe('done');
    // The label is taken: a create that is made twice finds out.
    expect(await create('jp-a-1')).toBe('refused');
    expect(await create('jp-a-2', { type: 'g9-none' })).toBe('refused');
    expect(await create('jp-a-2', { region: 'us-west', userData: 'x' })).toBe('refused');
    expect(await create('jp-a-2', { image: 'linode/alpine3.22', userData: 'x' })).toBe('refused');
    expect(await create('jp-a-2', { userData: 'x'.repeat(16_385) })).toBe('refused');
    expect(await create('jp-a-2', { firewallId: 5 })).toBe('refused');
    fake.fill('jp-tyo-3', 'g6-standard-2');
    expect(await create('jp-a-2')).toBe('no_capacity');
    const row = (await linode.catalogue.availability()).find(
      ({ region, plan }) => region === 'jp-tyo-3' && plan === 'g6-standard-2',
    );
    expect(row?.available).toBe(false);
    fake.makeRoom('jp-tyo-3', 'g6-standard-2');
    expect(await create('jp-a-2')).toBe('done');
    expect(await create('jp-a-3')).toBe('account_limit');
    fake.accountLimit = 3;
    expect(await create('jp-a-3')).toBe('done');
    const stranger = new Linode({ token: () => 'other', fetch: world({ token: 'secret' }).fake.fetch });
    expect(await code(stranger.account.get())).toBe('not_permitted');
  });

  it('stand in groups of five, behind firewalls', async () => {
    const { linode } = world();
    const group = await linode.placementGroups.create({ label: 'jp-0', region: 'jp-tyo-3', policy: 'flexible' });
    const firewall = await linode.firewalls.create({
      label: 'relays',
      rules: { inbound: [], inbound_policy: 'DROP', outbound: [], outbound_policy: 'ACCEPT' },
    });
    const in_ = { placementGroupId: group.id, firewallId: firewall.id };
    const first = await linode.instances.create(wanted('jp-a-1', in_));
    expect(first.placement_group?.id).toBe(group.id);
    for (const n of [2, 3, 4, 5]) await linode.instances.create(wanted(`jp-a-${n}`, in_));
    expect(await code(linode.instances.create(wanted('jp-a-6', in_)))).toBe('refused');
    const sixth = await linode.instances.create(wanted('jp-a-6'));
    expect(await code(linode.placementGroups.assign(group.id, [sixth.id]))).toBe('refused');
    await linode.instances.delete(first.id);
    expect((await linode.placementGroups.assign(group.id, [sixth.id])).members).toHaveLength(5);
    expect(await linode.firewalls.devices(firewall.id)).toHaveLength(4);
    const device = await linode.firewalls.attach(firewall.id, sixth.id);
    expect(device.entity.label).toBe('jp-a-6');
    await linode.firewalls.detach(firewall.id, device.id);
    expect(await linode.firewalls.devices(firewall.id)).toHaveLength(4);
    // A group with members stays.
    expect(await code(linode.placementGroups.delete(group.id))).toBe('refused');
  });

  it('die with their host, go without being asked, and boot again after an outage', async () => {
    const { fake, linode, pass } = world();
    for (const label of ['jp-a-1', 'jp-a-2']) await linode.instances.create(wanted(label));
    const us = await linode.instances.create(wanted('us-a-1', { region: 'us-ord' }));
    pass(90_000);
    const statuses = async () => (await linode.instances.list()).map(({ status }) => status);
    expect(await statuses()).toEqual(['running', 'running', 'running']);
    fake.outage('jp-tyo-3');
    expect(await statuses()).toEqual(['offline', 'offline', 'running']);
    expect(await code(linode.instances.create(wanted('jp-a-3')))).toBe('no_capacity');
    const regions = await linode.catalogue.regions();
    expect(regions.filter(({ status }) => status === 'outage').map(({ id }) => id)).toEqual(['jp-tyo-3']);
    fake.endOutage('jp-tyo-3');
    expect(await statuses()).toEqual(['booting', 'booting', 'running']);
    pass(24_000);
    fake.crash(us.id);
    expect(await statuses()).toEqual(['running', 'running', 'offline']);
    await linode.instances.boot(us.id);
    fake.vanish(fake.machine('jp-a-2')!.id);
    pass(24_000);
    expect(await statuses()).toEqual(['running', 'running']);
    expect(fake.deleted().map(({ label }) => label)).toEqual(['jp-a-2']);
  });
});

describe('money and transfer of the fake', () => {
  it('gives a Linode its share of the month at once, and takes back what was not over', async () => {
    const { fake, linode, pass } = world();
    const made = await linode.instances.create(wanted('jp-a-1'));
    // 15 of 30 days.
    expect(await linode.instances.transfer(made.id)).toEqual({ used: 0, quota: 2000, billable: 0 });
    pass(3 * 24 * HOUR_MS);
    fake.addTraffic(made.id, 500);
    const far = await linode.instances.create(wanted('id-a-1', { region: 'id-cgk' }));
    fake.addTraffic(far.id, 7);
    expect(await linode.account.transfer()).toEqual({
      ...{ used: 500, quota: 2000, billable: 0 },
      region_transfers: [{ id: 'id-cgk', used: 7, quota: 1600, billable: 0 }],
    });
    await linode.instances.delete(made.id);
    expect(await linode.account.transfer()).toMatchObject({ used: 500, quota: 400, billable: 100 });
    pass(12 * 24 * HOUR_MS);
    // The next month begins anew, for who is still there.
    expect(await linode.account.transfer()).toMatchObject({
      ...{ used: 0, quota: 0 },
      region_transfers: [{ id: 'id-cgk', used: 0, quota: 4000 }],
    });
  });

  it('bills by hours begun, powered off or not', async () => {
    const { linode, pass } = world();
    const made = await linode.instances.create(wanted('jp-a-1'));
    pass(90_000);
    await linode.instances.shutdown(made.id);
    pass(10 * HOUR_MS);
    expect((await linode.account.get()).balance_uninvoiced).toBe(0.4);
    const { perGb, byRegion } = await linode.catalogue.transferPrices();
    expect([perGb, byRegion.get('br-gru'), byRegion.get('jp-tyo-3')]).toEqual([0.005, 0.007, undefined]);
  });
});

describe('images of the fake', () => {
  it('are captured from a disk, copied to regions and booted', async () => {
    const { linode, pass } = world();
    const made = await linode.instances.create(wanted('jp-a-1'));
    const [disk, swap] = await linode.instances.disks(made.id);
    const image = { label: 'relay 1', cloudInit: true, tags: ['hayate'] };
    expect(await code(linode.images.create({ ...image, diskId: disk!.id }))).toBe('busy');
    pass(90_000);
    expect(await code(linode.images.create({ ...image, diskId: swap!.id }))).toBe('refused');
    const { id, status } = await linode.images.create({ ...image, diskId: disk!.id });
    expect(status).toBe('creating');
    expect(await code(linode.images.replicate(id, ['jp-tyo-3', 'us-ord']))).toBe('refused');
    pass(120_000);
    await linode.images.replicate(id, ['jp-tyo-3', 'us-ord']);
    const places = async () => (await linode.images.get(id)).regions.map(({ region, status }) => `${region} ${status}`);
    expect(await places()).toEqual(['jp-tyo-3 available', 'us-ord pending replication']);
    pass(180_000);
    expect(await places()).toEqual(['jp-tyo-3 available', 'us-ord available']);
    const canary = wanted('us-canary', { region: 'us-ord', image: id, userData: 'x' });
    expect((await linode.instances.create(canary)).image).toBe(id);
    expect((await linode.images.list({ tag: 'hayate' })).map((each) => each.id)).toEqual([id]);
    await linode.images.delete(id);
    expect(await code(linode.images.get(id))).toBe('not_found');
  });
});

describe('faults of the fake', () => {
  it('leave a create made or not made, and the caller to find out by label', async () => {
    const { fake, linode } = world();
    const call = 'POST /linode/instances';
    fake.faults.next(call, { kind: 'status', status: 408, made: true });
    expect(await code(linode.instances.create(wanted('jp-a-1')))).toBe('outcome_unknown');
    expect((await linode.instances.byLabel('jp-a-1'))?.status).toBe('provisioning');
    fake.faults.next(call, { kind: 'status', status: 408 });
    expect(await code(linode.instances.create(wanted('jp-a-2')))).toBe('outcome_unknown');
    expect(await linode.instances.byLabel('jp-a-2')).toBeUndefined();
    fake.faults.next(call, { kind: 'cut', made: true });
    expect(await code(linode.instances.create(wanted('jp-a-3')))).toBe('outcome_unknown');
    expect(fake.machines()).toHaveLength(2);
    expect(fake.calls.get(call)).toBe(3);
  });

  it('come by chance, as often as asked for', async () => {
    let n = 0;
    const { fake, linode } = world({ random: () => (n++ % 20) / 20, accountLimit: 1000 });
    fake.faults.often('GET /account/transfer', 0.05, { kind: 'status', status: 500 });
    for (let calls = 0; calls < 100; calls += 1) await linode.account.transfer();
    const count = fake.faults.counts.get('500')!;
    expect(count).toBeGreaterThanOrEqual(4);
    expect(count).toBeLessThanOrEqual(7);
    // Each was asked for again.
    expect(fake.calls.get('GET /account/transfer')).toBe(100 + count);
  });

  it('has rate limits that are kept to by their headers, and refuses who does not', async () => {
    const { fake, linode, since } = world({ rateLimits: { create: { calls: 5, perS: 15 } } });
    for (let n = 10; n < 21; n += 1) await linode.instances.create(wanted(`jp-a-${n}`));
    expect(fake.machines()).toHaveLength(11);
    expect(since()).toBe(30_000);
    expect(fake.calls.get('POST /linode/instances')).toBe(11);
    const rude = () => fake.fetch('http://x/v4/account', { method: 'GET', headers: { authorization: 'Bearer x' } });
    const limited = world({ rateLimits: { other: { calls: 2, perS: 60 } } });
    const statuses = [];
    for (let n = 0; n < 3; n += 1) {
      const { status } = await limited.fake.fetch('http://x/v4/account', {
        method: 'GET',
        headers: { authorization: 'Bearer x' },
      });
      statuses.push(status);
    }
    expect(statuses).toEqual([200, 200, 429]);
    expect((await rude()).status).toBe(200);
  });
});

describe('the fake over HTTP', () => {
  let server: FakeLinodeServer | undefined;
  afterEach(() => server?.close());

  it('is the same API', async () => {
    let nowMs = START;
    const fake = new FakeLinode({ nowMs: () => nowMs, token: 'secret' });
    server = await serveFakeLinode(fake);
    const linode = new Linode({ token: () => 'secret', apiUrl: server.url, tries: 1 });
    const made = await linode.instances.create(wanted('jp-a-1'));
    nowMs += 90_000;
    expect((await linode.instances.list({ label: 'jp-a-1' }))[0]).toMatchObject({ id: made.id, status: 'running' });
    fake.faults.next('POST /linode/instances', { kind: 'cut', made: true });
    expect(await code(linode.instances.create(wanted('jp-a-2')))).toBe('outcome_unknown');
    expect(fake.machine('jp-a-2')).toBeDefined();
    fake.faults.next('GET /account/transfer', { kind: 'cut' });
    expect(await code(linode.account.transfer())).toBe('unavailable');
    await server.close();
    // Nothing listens: surely not made.
    expect(await code(linode.instances.create(wanted('jp-a-3')))).toBe('unavailable');
    server = undefined;
  });

  it('goes wrong when another process asks for it', async () => {
    const fake = new FakeLinode({ nowMs: () => START });
    server = await serveFakeLinode(fake);
    const { origin } = new URL(server.url);
    const asked = async (what: object) => {
      const answer = await fetch(`${origin}/fake`, { method: 'POST', body: JSON.stringify(what) });
      return { status: answer.status, said: await answer.json() };
    };
    const linode = new Linode({ token: () => 'x', apiUrl: server.url, tries: 1 });
    const create = (label: string) => code(linode.instances.create(wanted(label)));
    await asked({ do: 'fault', call: 'POST /linode/instances', fault: { kind: 'status', status: 408, made: true } });
    expect([await create('jp-a-1'), await create('jp-a-2')]).toEqual(['outcome_unknown', 'done']);
    await asked({ do: 'outage', region: 'jp-tyo-3' });
    expect(await create('jp-a-3')).toBe('no_capacity');
    await asked({ do: 'vanish', label: 'jp-a-2' });
    expect(await asked({ do: 'vanish', label: 'jp-a-2' })).toMatchObject({ status: 404 });
    expect(await asked({ do: 'burn', label: 'jp-a-1' })).toMatchObject({ status: 400 });
    expect((await asked({ do: 'show' })).said).toMatchObject({
      ...{
        linodes: [{ label: 'jp-a-1', status: 'offline' }],
        calls: { 'POST /linode/instances': 3 },
        faults: { 408: 1 },
      },
    });
  });
});
