import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeAuthority } from '@hayate/engine';
import { agree, openTokens, readControlConfig, readFleetConfig, startControl, startFleet } from '@hayate/fleet';
import { FakeLinode, serveFakeLinode } from '@hayate/fleet/testing/linode';
import { NatsLink } from '@hayate/relay/directory/nats';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { call } from '../cli/test/call.ts';
import { type NatsRig, natsServer, startNats } from '../lab/lib/nats.ts';
import { collectedLog } from '../relay/test/collected-log.ts';

const SERVICE_TOKEN = 'a-service-token-of-more-than-32-characters';
const poll = { timeout: 60_000 };

const server = await natsServer();
const missing = 'skip' in server ? server.skip : undefined;
if (missing !== undefined) console.log(`SKIPPED machines of the fleet that enrol: ${missing}`);

describe.skipIf(missing !== undefined)('machines that the fleet makes', () => {
  const authority = makeAuthority();
  const closing: (() => unknown)[] = [];
  let rig: NatsRig;
  let dir: string;
  beforeAll(async () => {
    rig = await startNats({ regions: ['jp'] });
  });
  afterEach(async () => {
    vi.useRealTimers();
    vi.restoreAllMocks();
    for (const close of closing.splice(0).reverse()) await close();
  });
  afterAll(() => rig?.stop());

  const write = (name: string, value: string | object) => {
    const file = join(dir, name);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, typeof value === 'string' ? value : JSON.stringify(value), { mode: 0o600 });
    return file;
  };
  const template = (url: string) => {
    const birth = { id: '{id}', url, ca: authority.cert, token: '{enrolmentToken}' };
    const files = [{ path: '/etc/hayate/enrol.json', content: JSON.stringify(birth) }];
    return `#cloud-config\n${JSON.stringify({ hostname: '{id}', write_files: files })}`;
  };

  /** Control node, fake Linode and a fleet of two relays, as on one machine. */
  async function site() {
    dir = mkdtempSync(join(tmpdir(), 'hayate-fleet-enrol-'));
    closing.push(() => rmSync(dir, { recursive: true, force: true }));
    const fake = new FakeLinode({ nowMs: () => Date.now(), createMs: 50, bootMs: 50 });
    const api = await serveFakeLinode(fake);
    closing.push(() => api.close());
    const tokenFile = write('linode.token', 'token');
    write('secrets/token.key', 'signs tokens');
    const stateDir = join(dir, 'control');
    const { log, lines } = collectedLog();
    const control = await startControl(
      readControlConfig(
        write('control.json', {
          ...{ stateDir, listen: { host: '127.0.0.1', port: 0 }, secretsDir: join(dir, 'secrets') },
          authority: { certFile: write('ca.pem', authority.cert), keyFile: write('ca.key', authority.key) },
          relays: { jp: { cluster: { relayId: '{id}', region: '{region}' } } },
          linode: { tokenFile, apiUrl: api.url, labelPrefix: 'hayate-' },
        }),
      ),
      log,
    );
    closing.push(() => control.close());
    const userDataFile = write('user-data', template(`https://127.0.0.1:${control.port}`));
    const config = {
      ...{ owner: 'a', dryRun: false, listen: { port: 0 }, scale: { tickMs: 100 } },
      serviceTokenFile: write('service.token', SERVICE_TOKEN),
      regions: { jp: { zones: { linode: ['jp-tyo-3'] }, min: 2, max: 2 } },
      nats: { urls: rig.region('jp').urls, region: 'jp' },
      providers: { linode: { kind: 'linode', tokenFile, apiUrl: api.url, userDataFile } },
      enrolment: { stateDir },
    };
    const start = (more: object = {}) => startFleet(readFleetConfig(write('fleet.json', { ...config, ...more })), log);
    return { fake, control, start, lines, stateDir, userDataFile };
  }

  /** What its first boot does with the user_data that Linode got. */
  function machine(userData: string | undefined, name: string, change: object = {}) {
    const { write_files: files } = JSON.parse(userData!.split('\n').slice(1).join('\n')) as {
      write_files: { content: string }[];
    };
    const birth = JSON.parse(files[0]!.content) as { id: string; token: string };
    const folder = join(dir, 'machines', name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'enrol.json'), JSON.stringify({ ...birth, ...change }));
    return { birth, folder, agree: () => agree({ dir: folder, waitMs: 0, log: () => {} }) };
  }

  it('enrol once, each by a token of its own, under its label, from its address and within ten minutes', async () => {
    const { fake, control, start, lines, stateDir } = await site();
    const fleet = await start();
    const running = () => fake.machines().filter(({ status }) => status === 'running').length;
    await expect.poll(running, poll).toBe(2);
    const [first, second] = fake.machines();
    // Its clock would go on to when it replaces who did not come up.
    await fleet.close();
    const [one, two] = [first, second].map((each) => machine(each!.userData, each!.label));
    expect([one!.birth.id, two!.birth.id]).toEqual([first, second].map((each) => each!.label.slice('hayate-'.length)));
    expect(one!.birth.token).toMatch(/^[\w-]{43}$/);
    expect(one!.birth.token).not.toBe(two!.birth.token);

    // Requests of this test come from loopback, which is no Linode of this label.
    await expect(one!.agree()).rejects.toThrow('it is for another machine');
    // With what the fake keeps of its answers.
    for (const each of fake.machines()) Object.assign(each, { ipv4: '127.0.0.1', json: undefined });
    await expect(machine(first!.userData, 'guess', { token: 'x'.repeat(43) }).agree()).rejects.toThrow('nobody issued');
    await expect(machine(first!.userData, 'other', { id: two!.birth.id }).agree()).rejects.toThrow(
      'for another machine',
    );
    expect((await one!.agree()).changed).toContain('relay.pem');
    expect(JSON.parse(readFileSync(join(one!.folder, 'relay.json'), 'utf8'))).toEqual({
      cluster: { relayId: one!.birth.id, region: 'jp' },
    });
    await expect(machine(first!.userData, 'replayed').agree()).rejects.toThrow('another machine has used the token');

    // The other one boots too late.
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 11 * 60_000 });
    await expect(two!.agree()).rejects.toThrow('over ten minutes old');
    vi.useRealTimers();
    expect(control.counts).toEqual({
      ...{ enrolled: 1, refused_foreign: 2, refused_late: 1, refused_replayed: 1, refused_unknown: 1 },
    });
    const tokens = openTokens({ stateDir });
    closing.push(() => tokens.close());
    expect(tokens.machines().map(({ id }) => id)).toEqual([one!.birth.id]);

    const said =
      JSON.stringify(lines) + readdirSync(stateDir).map((name) => readFileSync(join(stateDir, name), 'latin1'));
    for (const { birth } of [one!, two!]) expect(said).not.toContain(birth.token);
  }, 120_000);

  it('are none where user_data and enrolment do not go together: the fleet does not start', async () => {
    const { start, userDataFile } = await site();
    await expect(start({ enrolment: undefined })).rejects.toMatchObject({
      code: 'invalid_argument',
      message: expect.stringContaining('wants {enrolmentToken}'),
    });
    writeFileSync(userDataFile, '#cloud-config\n{}');
    await expect(start()).rejects.toThrow('has no {enrolmentToken}');
    rmSync(userDataFile);
    await expect(start()).rejects.toThrow(/cannot read .*user-data/);
  }, 60_000);

  it('are given up by `hayate fleet release`, which wants to be told twice', async () => {
    const { start } = await site();
    const link = new NatsLink({ servers: rig.region('jp').urls });
    closing.push(() => link.close());
    const fleet = await start();
    closing.push(() => fleet.close());
    const at = ['--api', `http://127.0.0.1:${fleet.port}`, '--service-token-file', join(dir, 'service.token')];
    const release = (...args: string[]) => call('fleet', 'release', 'hayate-jp-f-1', ...args, ...at);
    expect(await release()).toMatchObject({ code: 2, err: expect.stringContaining('either --gifts-recovered or') });
    expect(await release('--gifts-recovered', '--abandon-gifts', '--yes')).toMatchObject({ code: 2 });
    expect(await release('--abandon-gifts')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/deletes machine hayate-jp-f-1 .* lost for ever\. Nothing was done: add --yes/),
    });
    // The service is asked now, and refuses: it is not lost.
    await expect
      .poll(async () => (await release('--abandon-gifts', '--yes')).err, poll)
      .toMatch(/jp-f-1 is (wanted|starting|removing), not lost/);
  }, 120_000);
});
