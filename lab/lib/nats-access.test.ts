import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { issueCertificate, makeAuthority } from '@hayate/engine';
import { NatsLink } from '@hayate/relay/directory/nats';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { makeClusterKeys } from '../../cli/cluster-keys.ts';
import { relayPermissions } from '../../relay/nats/index.ts';
import { ManualClock } from '../../relay/test/clock.ts';
import { collectedLog } from '../../relay/test/collected-log.ts';
import { type NatsRig, natsServer, type RigAccess, startNats } from './nats.ts';

const server = await natsServer();
const missing = 'skip' in server ? server.skip : undefined;
if (missing !== undefined) console.log(`SKIPPED who may connect to NATS: ${missing}`);

describe.skipIf(missing !== undefined)('NATS with TLS and accounts', () => {
  let rig: NatsRig;
  let dir: string;
  let good: RigAccess;
  const ends: (() => Promise<unknown>)[] = [];
  beforeAll(async () => {
    rig = await startNats({ regions: ['jp', 'us'], secure: { relays: ['jp-1', 'us-1'] } });
    good = rig.access('jp', 'jp-1');
  }, 60_000);
  afterAll(() => rig?.stop());
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'hayate-nats-access-'));
  });
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
    rmSync(dir, { recursive: true, force: true });
  });

  /** Time stands still: it comes again when the test says so. */
  const open = (access: RigAccess) => {
    const clock = new ManualClock(0);
    const log = collectedLog();
    const link = new NatsLink({ ...access, log: log.log, clock });
    ends.push(() => link.close());
    return { link, clock, ...log };
  };
  /** Each attempt that fails ends in a timer. */
  const attempt = (clock: ManualClock) => expect.poll(() => clock.timers, { timeout: 10_000 }).toBe(1);
  const isUp = (link: NatsLink) => expect.poll(() => link.connection !== undefined, { timeout: 20_000 }).toBe(true);
  const isDown = (link: NatsLink) => expect.poll(() => link.connection !== undefined, { timeout: 20_000 }).toBe(false);
  const write = (name: string, text: string) => {
    writeFileSync(join(dir, name), text);
    return join(dir, name);
  };

  it('takes a relay of the cluster', async () => {
    const { link, codes } = open(good);
    await isUp(link);
    expect(codes()).toEqual([]);
  });

  const refused: [string, (good: RigAccess) => RigAccess, string][] = [
    ['no user', ({ servers, caFile }) => ({ servers, caFile: caFile! }), 'nats_refused'],
    [
      'a user of another cluster',
      (good) => {
        makeClusterKeys({ dir: join(dir, 'other'), relays: ['jp-1'], regions: ['jp', 'us'], days: 30 });
        return { ...good, credsFile: join(dir, 'other', 'jp-1.creds') };
      },
      'nats_refused',
    ],
    ["the user of a server, which is for other regions' servers", serverUser, 'nats_refused'],
    [
      'a user that expired',
      () => rig.accessOf('jp', { name: 'late', expiresAt: Math.floor(Date.now() / 1000) - 1 }),
      'nats_refused',
    ],
    ['a file that is no user', (good) => ({ ...good, credsFile: write('x', 'nothing') }), 'nats_creds_unreadable'],
  ];
  function serverUser(good: RigAccess): RigAccess {
    return { ...good, credsFile: join(rig.keys!, 'nats-jp-1.creds') };
  }
  it.each(refused)('refuses %s, says so once, and takes the right one without a restart', async (_, wrong, code) => {
    const access = wrong(good);
    const credsFile = write('relay.creds', access.credsFile ? readFileSync(access.credsFile, 'utf8') : '');
    const { link, clock, codes } = open({ ...access, ...(access.credsFile && { credsFile }) });
    await attempt(clock);
    expect(link.connection).toBeUndefined();
    expect(codes()).toEqual([code]);
    // Slower than where nobody answers: half a second to one.
    clock.advance(4999);
    expect(clock.timers).toBe(1);
    clock.advance(1);
    await attempt(clock);
    expect(codes()).toEqual([code]);
    if (!access.credsFile) return;
    copyFileSync(good.credsFile!, credsFile);
    clock.advance(5000);
    await isUp(link);
    expect(codes()).toEqual([code]);
  });

  const untrusted: [string, (good: RigAccess) => RigAccess][] = [
    ['another authority', (good) => ({ ...good, caFile: write('ca.pem', makeAuthority().cert) })],
    ['the authority of relays', (good) => ({ ...good, caFile: join(rig.keys!, 'ca.pem') })],
    ['a host that it does not name', (good) => ({ ...good, servers: good.servers.map(byName) })],
    ['no authority, by those of the system', ({ servers, credsFile }) => ({ servers, credsFile: credsFile! })],
    ['an authority that cannot be read', (good) => ({ ...good, caFile: join(dir, 'nowhere') })],
  ];
  function byName(url: string): string {
    return url.replace('127.0.0.1', 'localhost');
  }
  it.each(untrusted)('is not trusted by a relay that asks for %s', async (_, wrong) => {
    const { link, clock, codes } = open(wrong(good));
    await attempt(clock);
    expect(link.connection).toBeUndefined();
    expect(codes()).toEqual(['nats_untrusted']);
  });

  it('is not dialled in clear by a relay that asks for TLS', async () => {
    const clear = await startNats({ regions: ['jp'] });
    ends.push(() => clear.stop());
    const { clock, codes } = open({ ...good, servers: clear.region('jp').urls });
    await attempt(clock);
    expect(codes()).toEqual(['nats_without_tls']);
  });

  it('answers nothing in clear', async () => {
    const { port } = new URL(good.servers[0]!.replace('tls:', 'http:'));
    const socket = connectTcp(Number(port), '127.0.0.1');
    const said: Buffer[] = [];
    socket.on('data', (data) => said.push(data));
    socket.on('error', () => {}); // Cut off in the middle is as good.
    socket.write('CONNECT {"verbose":true,"tls_required":false}\r\nPING\r\n');
    await new Promise((resolve) => socket.once('close', resolve));
    const text = Buffer.concat(said).toString();
    expect(text).toMatch(/^INFO \{.*"tls_required":true/);
    expect(text).not.toMatch(/PONG|\+OK/);
  });

  it('takes no server that shows the certificate of a relay', async () => {
    const keys = rig.keys!;
    const { leaf } = rig.region('jp').servers[0]!.ports;
    const greet = async (name: string) => {
      const socket = connectTcp(leaf, '127.0.0.1');
      // The server's INFO comes first, in clear.
      await new Promise((resolve) => socket.once('data', resolve));
      const [ca, cert, key] = [`${keys}/nats-ca.pem`, `${keys}/${name}.pem`, `${keys}/${name}.key`].map((file) =>
        readFileSync(file),
      );
      const tls = connectTls({ socket, ca: ca!, cert: cert!, key: key!, checkServerIdentity: () => undefined });
      return new Promise<string>((resolve) => {
        // With TLS 1.3 the client is done before the server has looked at its certificate.
        tls.once('data', () => resolve('spoken to'));
        tls.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
        tls.once('close', () => resolve('closed'));
      }).finally(() => tls.destroy());
    };
    expect(await greet('nats-us-1')).toBe('spoken to');
    expect(await greet('jp-1')).toMatch(/ERR_SSL|ECONNRESET|closed/);
  });

  it('does for a relay what its region needs and nothing else', async () => {
    const { link, lines } = open(good);
    await isUp(link);
    const nats = link.connection!;
    const forbidden = () => lines.filter(({ code }) => code === 'nats_not_permitted').map(({ subject }) => subject);
    // Its own, then what is not its own.
    nats.publish('hayate.alive.jp.x');
    nats.publish('hayate.alive.us.x');
    nats.publish('gifts.us.g.a.b');
    nats.publish('$JS.us.API.$KV.relays_us.us-1');
    nats.publish('$JS.API.STREAM.DELETE.GIFTS_jp');
    nats.publish('$JS.us.API.STREAM.CREATE.X');
    nats.publish('$SYS.REQ.SERVER.PING');
    nats.subscribe('>', { callback: () => {} });
    await expect
      .poll(forbidden, { timeout: 10_000 })
      .toEqual([
        'hayate.alive.us.x',
        'gifts.us.g.a.b',
        '$JS.us.API.$KV.relays_us.us-1',
        '$JS.API.STREAM.DELETE.GIFTS_jp',
        '$JS.us.API.STREAM.CREATE.X',
        '$SYS.REQ.SERVER.PING',
        '>',
      ]);
  });

  it('takes a newer user when the present one expires', async () => {
    const permissions = relayPermissions('jp', ['jp', 'us']);
    const soon = { name: 'jp-short', permissions, expiresAt: Math.floor(Date.now() / 1000) + 3 };
    const access = rig.accessOf('jp', soon);
    const { link, codes } = open(access);
    const seen: boolean[] = [];
    const back = new Promise<void>((resolve) => {
      link.onConnected((connection) => {
        seen.push(connection !== undefined);
        if (seen.length === 3) resolve();
      });
    });
    await isUp(link);
    rig.accessOf('jp', { ...soon, expiresAt: soon.expiresAt + 3600 });
    await back;
    expect(seen).toEqual([true, false, true]);
    expect(codes()).toEqual([]);
  }, 120_000);

  it('is there for a relay again after a restart, and is refused when it comes back as somebody else', async () => {
    const { link, clock, codes } = open(good);
    const [jp] = rig.region('jp').servers;
    await isUp(link);
    await jp!.kill();
    await isDown(link);
    await jp!.start();
    await isUp(link);
    expect(codes()).toEqual([]);

    const file = join(rig.keys!, '..', 'nats-jp-1.etc');
    const [pem, key] = ['nats.pem', 'nats.key'].map((name) => join(file, name));
    const before = [pem, key].map((name) => readFileSync(name!, 'utf8'));
    const other = issueCertificate({ authority: makeAuthority(), names: ['127.0.0.1'] });
    writeFileSync(pem!, other.cert);
    writeFileSync(key!, other.key);
    await jp!.stop();
    await isDown(link);
    await jp!.start();
    clock.advance(5000);
    await expect.poll(codes, { timeout: 20_000 }).toEqual(['nats_untrusted']);
    expect(link.connection).toBeUndefined();

    await jp!.stop();
    writeFileSync(pem!, before[0]!);
    writeFileSync(key!, before[1]!);
    await jp!.start();
    await isUp(link);
    await rig.joined();
  }, 60_000);
});
