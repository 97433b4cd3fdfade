import { describe, expect, it } from 'vitest';
import { Linode, LinodeError, type LinodeFetch } from './index.ts';

type Step = { status: number; body?: unknown; headers?: Record<string, string> } | { cut: string } | 'throw';

/** Answers by a script, in simulated time. */
function scripted(steps: Step[]) {
  const asked: { at: number; method: string; url: string; body?: unknown; filter?: unknown }[] = [];
  let nowMs = Date.parse('2026-01-01T00:00:00Z');
  const startMs = nowMs;
  const fetch: LinodeFetch = async (url, { method, body, headers }) => {
    asked.push({
      ...{ at: nowMs - startMs, method, url },
      ...(body !== undefined && { body: JSON.parse(body) }),
      ...(headers['x-filter'] !== undefined && { filter: JSON.parse(headers['x-filter']) }),
    });
    const step = steps.shift();
    if (!step) throw new Error('more calls than the script has');
    if (step === 'throw') throw new Error('asked too much');
    if ('cut' in step)
      throw new TypeError('fetch failed', { cause: Object.assign(new Error('x'), { code: step.cut }) });
    return new Response(step.body === undefined ? '{}' : JSON.stringify(step.body), {
      status: step.status,
      headers: { date: new Date(nowMs).toUTCString(), ...step.headers },
    });
  };
  const linode = new Linode({
    ...{ token: () => 'token', fetch, random: () => 0.5 },
    clock: {
      nowMs: () => nowMs,
      sleep: async (ms) => {
        nowMs += ms;
      },
      timeout: () => undefined,
    },
  });
  return { linode, asked, startMs };
}

const instance = {
  ...{ id: 7, label: 'jp-a-1', status: 'provisioning', region: 'jp-tyo-3', type: 'g6-standard-2' },
  ...{ image: 'linode/debian12', tags: ['hayate'], ipv4: ['192.0.2.1'], ipv6: '2001:db8::1/128' },
  ...{ created: '2026-01-01T00:00:00', updated: '2026-01-01T00:00:00', placement_group: null, unknown: 1 },
};
const wanted = {
  label: 'jp-a-1',
  region: 'jp-tyo-3',
  type: 'g6-standard-2',
  image: 'linode/debian12',
  tags: ['hayate'],
};
const errors = (reason: string) => ({ errors: [{ reason }] });

async function failed(work: Promise<unknown>): Promise<LinodeError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(LinodeError);
  return error as LinodeError;
}

describe('calls of Linode', () => {
  it('reads what it knows, gives times in ms, leaves out the rest', async () => {
    const { linode, asked, startMs } = scripted([{ status: 200, body: instance }]);
    const made = await linode.instances.create({
      ...wanted,
      userData: '#cloud-config',
      firewallId: 3,
      placementGroupId: 4,
    });
    expect(made).toMatchObject({ id: 7, status: 'provisioning', created: startMs });
    expect(made).not.toHaveProperty('unknown');
    expect(asked[0]).toMatchObject({
      method: 'POST',
      body: {
        ...{ label: 'jp-a-1', tags: ['hayate'], firewall_id: 3, placement_group: { id: 4 } },
        metadata: { user_data: Buffer.from('#cloud-config').toString('base64') },
      },
    });
  });

  it('reads all pages, with its filter in each', async () => {
    const page = (n: number) => ({ data: [{ ...instance, id: n }], page: n, pages: 3, results: 3 });
    const { linode, asked } = scripted([1, 2, 3].map((n) => ({ status: 200, body: page(n) })));
    const found = await linode.instances.list({ tag: 'hayate', region: 'jp-tyo-3' });
    expect(found.map(({ id }) => id)).toEqual([1, 2, 3]);
    expect(asked.map(({ filter }) => filter)).toEqual(Array(3).fill({ tags: 'hayate', region: 'jp-tyo-3' }));
  });

  it('never makes a create twice when its outcome is not known', async () => {
    const unknown: Step[] = [
      { status: 408, body: errors('Please try again') },
      { status: 500 },
      { status: 502 },
      { status: 503 },
      { cut: 'UND_ERR_SOCKET' },
      { cut: 'ECONNRESET' },
    ];
    for (const step of unknown) {
      const { linode, asked } = scripted([step, { status: 200, body: instance }]);
      const error = await failed(linode.instances.create(wanted));
      expect(error).toMatchObject({ code: 'outcome_unknown', retryable: false });
      expect(asked).toHaveLength(1);
    }
  });

  it('makes a create again that was not sent, or that a rate limit kept out', async () => {
    const { linode, asked } = scripted([
      { cut: 'ECONNREFUSED' },
      { status: 429, headers: { 'retry-after': '12' } },
      { status: 200, body: instance },
    ]);
    await linode.instances.create(wanted);
    // Half of 1 s; then what was told, and half of 2 s.
    expect(asked.map(({ at }) => at)).toEqual([0, 500, 13_500]);
  });

  it('makes calls again that change nothing more, and gives up after five', async () => {
    const bad: Step[] = [{ status: 500 }, { status: 408 }, { cut: 'ECONNRESET' }, { status: 503 }, { status: 502 }];
    const { linode, asked } = scripted([...bad, 'throw']);
    expect(await failed(linode.instances.get(7))).toMatchObject({ code: 'unavailable', status: 502, retryable: true });
    expect(asked.map(({ at }) => at)).toEqual([0, 500, 1500, 3500, 7500]);
    const second = scripted([{ status: 500 }, { status: 404, body: errors('Not found') }]);
    // The first one may have done it.
    await second.linode.instances.delete(7);
    expect(second.asked).toHaveLength(2);
  });

  it('waits for the next window when the answers say that this one is used up', async () => {
    const resetS = Date.parse('2026-01-01T00:00:15Z') / 1000;
    const limit = (remaining: number) => ({
      'x-ratelimit-limit': '2',
      'x-ratelimit-remaining': String(remaining),
      'x-ratelimit-reset': String(resetS),
    });
    const { linode, asked } = scripted([
      { status: 200, body: instance, headers: limit(1) },
      { status: 200, body: { ...instance, id: 8 }, headers: limit(0) },
      // Another operation has its own.
      { status: 200, body: instance },
      { status: 200, body: { ...instance, id: 9 } },
    ]);
    await linode.instances.create(wanted);
    await linode.instances.create(wanted);
    await linode.instances.get(7);
    await linode.instances.create(wanted);
    expect(asked.map(({ at }) => at)).toEqual([0, 0, 0, 15_000]);
  });

  it('tells what went wrong by code, with the reasons as fields', async () => {
    const cases: [number, string, string][] = [
      [400, 'Account Limit reached. Please open a support ticket.', 'account_limit'],
      [400, 'This plan is currently unavailable in the selected region', 'no_capacity'],
      [400, 'Linode busy.', 'busy'],
      [400, 'Label must be unique among your linodes', 'refused'],
      [401, 'Invalid Token', 'not_permitted'],
      [404, 'Not found', 'not_found'],
    ];
    for (const [status, reason, code] of cases) {
      const { linode } = scripted([{ status, body: { errors: [{ reason, field: 'label' }] } }]);
      expect(await failed(linode.instances.create(wanted))).toMatchObject({
        ...{ code, status, call: 'POST /linode/instances' },
        reasons: [{ reason, field: 'label' }],
      });
    }
    const page = scripted([{ status: 200, body: '<html>' }]);
    expect(await failed(page.linode.account.transfer())).toMatchObject({ code: 'unexpected_answer' });
    const shape = scripted([{ status: 200, body: { used: 1, quota: 'many', billable: 0, region_transfers: [] } }]);
    expect((await failed(shape.linode.account.transfer())).message).toContain('quota');
  });

  it('says when it may be asked again, where that is far off', async () => {
    const { linode, asked } = scripted([{ status: 429, headers: { 'retry-after': '3600' } }]);
    expect(await failed(linode.instances.list())).toMatchObject({ code: 'rate_limited', retryAfterMs: 3_600_000 });
    expect(asked).toHaveLength(1);
  });
});
