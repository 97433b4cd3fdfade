import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bodies, engineBody, type Rig } from '../test/bodies.ts';

if (engineBody.missing !== undefined) console.log(`SKIPPED metrics of a relay with the engine: ${engineBody.missing}`);

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

async function scrape(rig: Rig): Promise<Map<string, number>> {
  const answer = await fetch(rig.relay.metricsAddress);
  expect(answer.headers.get('content-type')).toContain('text/plain');
  return parse(await answer.text());
}

describe.each([bodies[0]!, engineBody])('of a relay with transport $name', (body) => {
  let rig: Rig;
  beforeAll(async () => {
    if (body.missing === undefined) rig = await body.start();
  });
  afterAll(() => rig?.close());

  it.skipIf(body.missing !== undefined)('shows sessions, media, refusals and delays at each scrape', async () => {
    const liver = await rig.join();
    await liver.request({ t: 'publish' });
    const viewer = await rig.join();
    await viewer.request({ t: 'watch' });
    await viewer.openComments();
    await viewer.comment('hi');
    liver.motion(Uint8Array.of(1));
    await viewer.until(() => viewer.units.length === 1, 'a unit');
    await viewer.raw({
      t: 'report',
      marginMs: 5,
      lagP99Ms: 42,
      lost: 0,
      joinMs: 123,
      network: 'wifi',
      browser: 'firefox',
    });
    await viewer.request({ t: 'presence', on: false });
    const wrong = await rig.connect();
    await wrong.open({ t: 'hello', v: 1, token: 'no' });
    await wrong.ended();
    await liver.heard('uplink');

    const metrics = await scrape(rig);
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
    expect(at('hayate_join_seconds_count')).toBe(2);
    expect(at('hayate_uplink_lag_seconds_count')).toBeGreaterThan(0);
    await expect
      .poll(async () => (await scrape(rig)).get('hayate_delivery_class{voice="1",repair="none",layer="all"}'))
      .toBe(1);
    expect((await scrape(rig)).get('hayate_congestion_level{level="0"}')).toBe(1);
    expect(at('hayate_repair_denied')).toBe(0);
    expect(at('hayate_delivery_riding')).toBe(0);
    expect(at('hayate_repair_bytes_total')).toBe(0);
    expect(at('hayate_bans')).toBe(0);
    expect(at('hayate_community_waiting')).toBe(0);
    expect(at('hayate_joins_limited_total{by="address"}')).toBe(0);
    expect(at('hayate_process_resident_bytes')).toBeGreaterThan(1e6);
    expect(at('hayate_process_heap_bytes')).toBeGreaterThan(1e6);
    expect(metrics.has('hayate_engine_stalls_total')).toBe(true);
    const who = 'browser="firefox",network="wifi",source="viewer"';
    expect(at(`hayate_viewer_lag_seconds_bucket{${who},le="0.05"}`)).toBe(1);
    expect(at(`hayate_viewer_lag_seconds_bucket{${who},le="0.025"}`)).toBe(0);
    expect(at(`hayate_viewer_join_seconds_count{${who}}`)).toBe(1);
    expect(at(`hayate_viewer_good_seconds_total{${who}}`)).toBe(1);
    expect(at('hayate_draining')).toBe(0);
    // A relay alone has no directory to lose.
    expect(metrics.has('hayate_directory_up')).toBe(false);
    if (process.platform === 'linux') {
      expect(metrics.has(`hayate_udp_socket_drops_total{port="${rig.relay.address.port}"}`)).toBe(true);
      expect(metrics.has('hayate_kernel_udp_errors_total{reason="receive_buffer"}')).toBe(true);
    }
    if (body === engineBody) {
      expect(at('hayate_certificate_expiry_timestamp_seconds{use="self_made"}')).toBeGreaterThan(Date.now() / 1000);
      expect(at('hayate_engine_loop_seconds{what="turn"}')).toBeGreaterThan(0);
      expect(at('hayate_udp_send_errors_total{errno="enetunreach"}')).toBe(0);
    }
    expect([...metrics.keys()].some((k) => k.startsWith('hayate_event_loop_delay_seconds'))).toBe(true);

    liver.session.close();
    viewer.session.close();
    await expect.poll(async () => (await scrape(rig)).get('hayate_sessions')).toBe(0);
    const after = await scrape(rig);
    expect(after.get('hayate_viewers')).toBe(0);
    expect(after.get('hayate_delivery_class{voice="1",repair="none",layer="all"}')).toBe(0);
    expect(after.get('hayate_congestion_level{level="0"}')).toBe(0);
  });

  it.skipIf(body.missing !== undefined)('serves nothing else there', async () => {
    expect((await fetch(rig.relay.metricsAddress.replace('/metrics', '/'))).status).toBe(404);
  });
});
