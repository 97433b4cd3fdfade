import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { engineAvailable } from '@hayate/engine';
import { readFleetConfig } from '@hayate/fleet';
import { FakeLinode, serveFakeLinode } from '@hayate/fleet/testing/linode';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Finding } from '../cli/doctor/finding.ts';
import { checkFleet } from '../cli/doctor/fleet.ts';
import { thisMachine } from '../cli/doctor/machine.ts';
import { checkNats, type NatsLook } from '../cli/doctor/nats.ts';
import { freePorts } from '../lab/lib/free-ports.ts';
import { type NatsRig, natsServer, startNats } from '../lab/lib/nats.ts';

const SERVICE_TOKEN = 'a-service-token-of-more-than-32-characters';
const LINODE_TOKEN = 'linode-token-0123456789-0123456789-abcdef';
const server = await natsServer();
const missing =
  'skip' in server ? server.skip : engineAvailable().ok ? undefined : 'no engine, which makes certificates';
if (missing !== undefined) console.log(`SKIPPED hayate doctor at NATS: ${missing}`);

const folder = mkdtempSync(join(tmpdir(), 'hayate-doctor-nats-'));
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text, { mode: 0o600 });
  return join(folder, name);
};
const nowMs = Date.now();

describe.skipIf(missing !== undefined)('hayate doctor at NATS with TLS and users', () => {
  let rig: NatsRig;
  beforeAll(async () => {
    rig = await startNats({ regions: ['jp', 'us'], secure: { relays: ['jp-1', 'us-1'], fleet: 'jp' } });
  }, 60_000);
  afterAll(() => rig?.stop());

  const look = async (changes: Partial<NatsLook>): Promise<Finding> => {
    const { servers, caFile, credsFile } = rig.access('jp', 'jp-1');
    const [first] = await checkNats({
      ...{ servers, caFile, credsFile, nowMs },
      region: 'jp',
      role: 'relay',
      ...changes,
    });
    return first!;
  };
  const found = (text: string) => ({ level: 'fail', found: expect.stringContaining(text) });

  it("finds a relay's and the fleet's user good", async () => {
    expect(await look({})).toMatchObject({
      level: 'ok',
      found: expect.stringMatching(/by TLS; JetStream of jp answers/),
    });
    const { servers, caFile, credsFile } = rig.fleetAccess();
    expect(await look({ servers, caFile, credsFile, role: 'fleet' })).toMatchObject({ level: 'ok' });
  });

  it('finds what is wrong', async () => {
    const [closed] = await freePorts(1);
    expect(await look({ servers: [`tls://127.0.0.1:${closed}`] })).toMatchObject(found('nats_unreachable'));
    expect(await look({ credsFile: undefined })).toMatchObject(found('nats_refused'));
    expect(await look({ credsFile: join(folder, 'none') })).toMatchObject(found('nats_creds_unreadable'));
    expect(await look({ caFile: join(rig.keys!, 'ca.pem') })).toMatchObject(found('nats_untrusted'));
    // Of another region: orders of this one are not for it.
    const { credsFile } = rig.access('us', 'us-1');
    expect(await look({ credsFile })).toMatchObject(found('may not hear hayate.orders.jp.*'));
    // The fleet's may not read gifts and hears no orders.
    expect(await look({ credsFile: join(rig.keys!, 'fleet.creds') })).toMatchObject({ level: 'fail' });
    expect(await look({ region: 'xx' })).toMatchObject({ level: 'fail' });
  });

  it('tells when the user ends', async () => {
    const user = { permissions: { publish: ['>'], subscribe: ['>'] }, expiresAt: Math.floor(nowMs / 1000) + 86_400 };
    const { servers, caFile, credsFile } = rig.accessOf('jp', { name: 'ends', ...user });
    const both = { servers, caFile, credsFile, region: 'jp', role: 'relay' as const };
    expect((await checkNats({ ...both, nowMs })).at(-1)).toMatchObject({ check: 'nats.user', level: 'warn' });
    expect((await checkNats({ ...both, nowMs: nowMs + 3 * 86_400_000 })).at(-1)).toMatchObject({ level: 'fail' });
  });
});

describe.skipIf(missing !== undefined)('hayate doctor at NATS in clear', () => {
  it('finds the server, and another domain than it has', async () => {
    const rig = await startNats({ regions: ['jp'] });
    closing.push(() => rig.stop());
    const { servers } = rig.access('jp', 'jp-1');
    const access = { servers, caFile: undefined, credsFile: undefined, role: 'relay' as const, nowMs };
    expect(await checkNats({ ...access, region: 'jp' })).toMatchObject([{ level: 'ok' }]);
    const [other] = await checkNats({ ...access, region: 'us' });
    expect(other).toMatchObject({ level: 'fail', advice: expect.stringContaining('domain: "us"') });
  });
});

describe('hayate doctor of the fleet', () => {
  const look = async (token: string, apiUrl: string): Promise<Record<string, Finding>> => {
    const [closed] = await freePorts(1);
    const config = {
      listen: { port: 0 },
      serviceTokenFile: file('service.token', SERVICE_TOKEN),
      regions: { jp: { zones: { linode: ['jp-tyo-3'] }, min: 0, max: 1 } },
      nats: { urls: [`nats://127.0.0.1:${closed}`], region: 'jp' },
      providers: { linode: { kind: 'linode', tokenFile: file('linode.token', token), apiUrl } },
    };
    const all: Record<string, Finding> = {};
    const read = readFleetConfig(file('fleet.json', JSON.stringify(config)));
    for await (const each of checkFleet(read, thisMachine())) all[each.check] = each;
    expect(JSON.stringify(all)).not.toContain(token);
    return all;
  };

  it('tries the token at the API, and says what it may not', async () => {
    const fake = new FakeLinode({ nowMs: () => Date.now(), token: LINODE_TOKEN });
    const api = await serveFakeLinode(fake);
    closing.push(() => api.close());
    const good = await look(LINODE_TOKEN, api.url);
    expect(good['provider.linode']).toMatchObject({
      level: 'ok',
      found: expect.stringContaining('the token is taken'),
    });
    expect(good['key.serviceTokenFile']).toMatchObject({ level: 'ok' });
    expect(good['nats.server.1']).toMatchObject({ level: 'fail' });
    const wrong = await look('linode-token-of-somebody-else-0123456789', api.url);
    expect(wrong['provider.linode']).toMatchObject({ level: 'fail', advice: expect.stringContaining('Put a token') });
    const [closed] = await freePorts(1);
    const gone = await look(LINODE_TOKEN, `http://127.0.0.1:${closed}/v4`);
    expect(gone['provider.linode']).toMatchObject({ level: 'fail', advice: expect.stringContaining('TCP 443 out') });
  });
});
