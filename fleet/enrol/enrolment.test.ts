import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { issueCertificate, makeAuthority } from '@hayate/engine';
import { leafConf, makeTrust, readCreds, relayPermissions } from '@hayate/relay/nats';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { controlSchema } from '../config/schema.ts';
import { type Control, openTokens, startControl } from '../src/control.ts';
import { agree } from './agent.ts';

const authority = makeAuthority();
let dir: string;
let said: string;
let control: Control | undefined;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hayate-enrol-'));
  said = '';
});
afterEach(async () => {
  await control?.close();
  control = undefined;
  rmSync(dir, { recursive: true });
});

function write(name: string, text: string): string {
  const file = join(dir, name);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}

async function start(more: Record<string, unknown> = {}) {
  write('secrets/token.key', 'signs tokens');
  const config = controlSchema.parse({
    stateDir: join(dir, 'state'),
    listen: { host: '127.0.0.1', port: 0 },
    authority: { certFile: write('ca.pem', authority.cert), keyFile: write('ca.key', authority.key) },
    relays: {
      jp: { publicUrl: 'https://{host}/v1', cluster: { relayId: '{id}', region: '{region}', natsReplicas: 3 } },
    },
    secretsDir: join(dir, 'secrets'),
    ...more,
  });
  const log = pino(
    {},
    {
      write(line: string) {
        said += line;
      },
    },
  );
  control = await startControl(config, log);
  const tokens = openTokens(config);
  const token = (id: string) => tokens.issue({ id, region: 'jp' });
  return { token, tokens, url: `https://127.0.0.1:${control.port}` };
}

/** A machine as user_data makes it. */
function machine(id: string, { url, token, ca = authority.cert }: { url: string; token: string; ca?: string }) {
  const folder = join(dir, 'machines', id);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'enrol.json'), JSON.stringify({ id, url, ca, token }));
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  return { folder, read, agree: (waitMs = 0) => agree({ dir: folder, waitMs, log: () => {} }) };
}

describe('a machine that enrols', () => {
  it('has settings, secrets and a certificate for the key that it made', async () => {
    const { token, url } = await start();
    const relay = machine('jp-a-1', { url, token: token('jp-a-1') });
    const { changed } = await relay.agree();
    expect(changed.sort()).toEqual(['ca.pem', 'relay.json', 'relay.pem', 'token.key']);
    expect(JSON.parse(relay.read('relay.json'))).toEqual({
      publicUrl: 'https://127.0.0.1/v1',
      cluster: { relayId: 'jp-a-1', region: 'jp', natsReplicas: 3 },
    });
    expect(relay.read('token.key')).toBe('signs tokens');
    const certificate = new X509Certificate(relay.read('relay.pem'));
    expect(certificate.subjectAltName).toBe('DNS:jp-a-1.relay.hayate');
    expect(certificate.verify(new X509Certificate(authority.cert).publicKey)).toBe(true);
    expect(certificate.toLegacyObject().subject).toEqual({ CN: 'jp-a-1.relay.hayate' });
    expect(statSync(join(relay.folder, 'relay.key')).mode & 0o777).toBe(0o640);
  });

  it('renews with its certificate, and takes what has changed', async () => {
    const { token, url } = await start();
    const relay = machine('jp-a-1', { url, token: token('jp-a-1') });
    await relay.agree();
    const [key, before] = [relay.read('relay.key'), relay.read('relay.pem')];
    write('secrets/token.key', 'another key');
    expect((await relay.agree()).changed.sort()).toEqual(['relay.pem', 'token.key']);
    expect(relay.read('token.key')).toBe('another key');
    expect(relay.read('relay.key')).toBe(key);
    expect(new X509Certificate(relay.read('relay.pem')).serialNumber).not.toBe(
      new X509Certificate(before).serialNumber,
    );
    expect(control!.counts).toEqual({ enrolled: 1, renewed: 1 });
  });

  it('has a NATS user of its own, with the rights of its region, as long as its certificate', async () => {
    const trust = makeTrust();
    const nats = {
      usersFile: write('nats-users.nk', `${trust.usersSeed}\n`),
      leafFile: write('nats-leaf.conf', leafConf(trust)),
      caFile: write('nats-ca.pem', 'authority of the servers'),
    };
    const { token, url } = await start({ nats, certificateDays: 7 });
    const relay = machine('jp-a-1', { url, token: token('jp-a-1') });
    await relay.agree();
    expect(relay.read('nats-ca.pem')).toBe('authority of the servers');
    const { claims } = readCreds(relay.read('nats.creds'));
    expect(claims.name).toBe('jp-a-1');
    expect(claims.exp! - Date.now() / 1000).toBeGreaterThan(6.9 * 24 * 3600);
    expect(claims.exp! - Date.now() / 1000).toBeLessThan(7.1 * 24 * 3600);
    expect(claims.nats).toMatchObject({ pub: { allow: relayPermissions('jp', ['jp']).publish } });
  });

  it('may ask again when its answer was lost', async () => {
    const { token, url } = await start();
    const relay = machine('jp-a-1', { url, token: token('jp-a-1') });
    await relay.agree();
    rmSync(join(relay.folder, 'relay.pem'));
    expect((await relay.agree()).changed).toContain('relay.pem');
  });
});

describe('who is not let in', () => {
  it('has a token that was used, is another machine’s, or nobody’s', async () => {
    const { token, url } = await start();
    const used = token('jp-a-1');
    await machine('jp-a-1', { url, token: used }).agree();
    const thief = machine('thief', { url, token: used });
    writeFileSync(
      join(thief.folder, 'enrol.json'),
      JSON.stringify({ id: 'jp-a-1', url, ca: authority.cert, token: used }),
    );
    await expect(thief.agree()).rejects.toMatchObject({
      code: 'enrolment_refused',
      message: /another machine has used/,
    });
    expect(existsSync(join(thief.folder, 'token.key'))).toBe(false);
    await expect(machine('jp-a-2', { url, token: token('jp-a-3') }).agree()).rejects.toThrow(/for another machine/);
    await expect(machine('jp-a-4', { url, token: 'guessed' }).agree()).rejects.toThrow(/nobody issued/);
    expect(control!.counts).toMatchObject({ refused_replayed: 1, refused_foreign: 1, refused_unknown: 1 });
    expect(said).not.toContain(used);
  });

  it('does not know the authority: then nothing is sent', async () => {
    const { token, url } = await start();
    const relay = machine('jp-a-1', { url, token: token('jp-a-1'), ca: makeAuthority().cert });
    await expect(relay.agree()).rejects.toMatchObject({ code: 'unavailable', retryable: true });
    expect(control!.counts).toEqual({});
  });

  it('was put out', async () => {
    const { token, tokens, url } = await start();
    const relay = machine('jp-a-1', { url, token: token('jp-a-1') });
    await relay.agree();
    tokens.revoke('jp-a-1');
    await expect(relay.agree()).rejects.toThrow(/was put out/);
  });

  it('shows a certificate of the cluster that is no machine’s', async () => {
    const { token, url } = await start();
    const relay = machine('jp-a-1', { url, token: token('jp-a-1') });
    await relay.agree();
    const other = issueCertificate({ authority, names: ['jp-a-1.relay.hayate'] });
    writeFileSync(join(relay.folder, 'relay.pem'), other.cert);
    writeFileSync(join(relay.folder, 'relay.key'), other.key);
    await expect(relay.agree()).rejects.toThrow(/for another machine/);
  });

  it('guesses too often', async () => {
    const { token, url } = await start();
    const guess = machine('jp-a-1', { url, token: 'guessed' });
    for (let n = 0; n < 20; n += 1) await expect(guess.agree()).rejects.toThrow(/nobody issued/);
    await expect(guess.agree()).rejects.toMatchObject({ code: 'rate_limited', retryable: true });
    await expect(machine('jp-a-2', { url, token: token('jp-a-2') }).agree()).rejects.toThrow(/too many/);
  });
});

describe('the control node', () => {
  it('asks Linode whose address it is', async () => {
    const asked: string[] = [];
    const api = createServer((request, response) => {
      asked.push(`${request.headers.authorization} ${request.headers['x-filter']}`);
      const ours = {
        ...{ id: 1, label: 'hayate-jp-a-1', ipv4: ['127.0.0.1'], ipv6: '2001:db8::1/128', status: 'running' },
        ...{ region: 'jp-tyo-3', type: 'g6-standard-2', image: 'linode/debian12', tags: [], placement_group: null },
        ...{ created: '2026-01-01T00:00:00', updated: '2026-01-01T00:00:00' },
      };
      const data = request.headers['x-filter']?.includes('jp-a-1') ? [ours] : [];
      response.end(JSON.stringify({ data, page: 1, pages: 1, results: data.length }));
    });
    await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = api.address() as { port: number };
      const tokenFile = write('linode.token', 'secret of the account\n');
      const linode = { tokenFile, apiUrl: `http://127.0.0.1:${port}/v4`, labelPrefix: 'hayate-' };
      const { token, url } = await start({ linode });
      await machine('jp-a-1', { url, token: token('jp-a-1') }).agree();
      await expect(machine('jp-a-9', { url, token: token('jp-a-9') }).agree()).rejects.toThrow(/another machine/);
      expect(asked[0]).toBe('Bearer secret of the account {"label":"hayate-jp-a-1"}');
      expect(said).not.toContain('secret of the account');
    } finally {
      api.close();
    }
  });

  it('refuses what it does not know, naming it', async () => {
    const bad = controlSchema.safeParse({ certificateDay: 3 });
    expect(bad.error?.issues[0]?.message).toContain('certificateDay');
    const keyFile = write('other.key', makeAuthority().key);
    const certFile = write('ca.pem', authority.cert);
    await expect(start({ authority: { certFile, keyFile } })).rejects.toMatchObject({ code: 'invalid_argument' });
  });
});
