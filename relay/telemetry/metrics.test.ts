import { afterAll, beforeAll, expect, it } from 'vitest';
import { bodies, type Rig } from '../test/bodies.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await bodies[0]!.start();
});
afterAll(() => rig.close());

/** Prometheus text: each line a comment or `name{labels} value`. */
function parse(text: string): Map<string, number> {
  const out = new Map<string, number>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const match = /^([a-z_]+)(\{(?:[a-z_]+="[^"]*",?)*\})? (-?[\d.e+-]+|\+Inf|NaN)( \d+)?$/.exec(line);
    expect(match, line).not.toBeNull();
    out.set(match![1]! + (match![2] ?? ''), Number(match![3]));
  }
  return out;
}

async function scrape(): Promise<Map<string, number>> {
  const answer = await fetch(rig.relay.metricsAddress);
  expect(answer.headers.get('content-type')).toContain('text/plain');
  return parse(await answer.text());
}

it('shows sessions, media, refusals and delays at each scrape', async () => {
  const liver = await rig.join();
  await liver.request({ t: 'publish' });
  const viewer = await rig.join();
  await viewer.request({ t: 'watch' });
  await viewer.openComments();
  await viewer.comment('hi');
  liver.motion(Uint8Array.of(1));
  await viewer.until(() => viewer.units.length === 1, 'a unit');
  const wrong = await rig.connect();
  await wrong.open({ t: 'hello', v: 1, token: 'no' });
  await wrong.ended();
  await liver.heard('uplink');

  const metrics = await scrape();
  const at = (name: string) => metrics.get(name);
  expect(at('hayate_sessions')).toBe(2);
  expect(at('hayate_rooms')).toBe(1);
  expect(at('hayate_viewers')).toBe(1);
  expect(at('hayate_livers')).toBe(1);
  expect(at('hayate_people')).toBe(2);
  expect(at('hayate_moderations_total{action="kick"}')).toBe(0);
  expect(at('hayate_sessions_resumed_total')).toBe(0);
  expect(at('hayate_presence_put_off_total')).toBe(0);
  expect(at('hayate_sessions_accepted_total')).toBe(3);
  expect(at('hayate_refused_total{code="token_invalid"}')).toBe(1);
  expect(at('hayate_comments_total')).toBe(1);
  expect(at('hayate_datagrams_total{direction="in"}')).toBeGreaterThan(0);
  expect(at('hayate_datagrams_total{direction="out"}')).toBeGreaterThan(0);
  expect(at('hayate_join_ms_count')).toBe(2);
  expect(at('hayate_uplink_lag_ms_count')).toBeGreaterThan(0);
  await expect
    .poll(async () => (await scrape()).get('hayate_delivery_class{voice="1",repair="none",layer="all"}'))
    .toBe(1);
  expect((await scrape()).get('hayate_congestion_level{level="0"}')).toBe(1);
  expect(at('hayate_repair_denied')).toBe(0);
  expect(at('hayate_repair_bytes_total')).toBe(0);
  expect(at('hayate_bans')).toBe(0);
  expect(at('hayate_community_waiting')).toBe(0);
  expect(at('hayate_joins_limited_total{by="address"}')).toBe(0);
  expect(at('hayate_process_resident_bytes')).toBeGreaterThan(1e6);
  expect(at('hayate_process_heap_bytes')).toBeGreaterThan(1e6);
  expect(metrics.has('hayate_engine_stalls_total')).toBe(true);
  expect([...metrics.keys()].some((k) => k.startsWith('hayate_event_loop_delay_ms'))).toBe(true);

  liver.session.close();
  viewer.session.close();
  await expect.poll(async () => (await scrape()).get('hayate_sessions')).toBe(0);
  const after = await scrape();
  expect(after.get('hayate_viewers')).toBe(0);
  expect(after.get('hayate_delivery_class{voice="1",repair="none",layer="all"}')).toBe(0);
  expect(after.get('hayate_congestion_level{level="0"}')).toBe(0);
});

it('serves nothing else there', async () => {
  expect((await fetch(rig.relay.metricsAddress.replace('/metrics', '/'))).status).toBe(404);
});
