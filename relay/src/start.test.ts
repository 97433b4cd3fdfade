import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { engineAvailable } from '@hayate/engine';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeDevState } from './dev-state.ts';
import { type RelayConfigInput, readDevState, readSharedKey, startRelay } from './index.ts';

let stateDir: string;
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'hayate-start-'));
});
afterEach(() => rmSync(stateDir, { recursive: true }));

const lines: string[] = [];
const logger = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });
const ports = { listen: { port: 0 }, http: { port: 0 }, metrics: { port: 0 }, api: { port: 0 } };
const start = (config: RelayConfigInput) =>
  startRelay({ transport: 'websocket', ...ports, stateDir, ...config }, { logger });

describe('development', () => {
  it('leaves word of where it is while it runs', async () => {
    const relay = await start({ dev: true });
    const state = readDevState(stateDir);
    expect(state).toEqual({
      url: relay.url,
      certificateHashes: relay.certificateHashes,
      transport: 'websocket',
      httpAddress: relay.httpAddress,
      metricsAddress: relay.metricsAddress,
      apiAddress: relay.apiAddress,
      serviceTokenFile: join(stateDir, 'service.token'),
      keyFile: join(stateDir, 'token.key'),
      pid: process.pid,
    });
    expect(state!.certificateHashes[0]).toMatch(/^[0-9a-f]{64}$/);
    expect(statSync(join(stateDir, 'relay.json')).mode & 0o777).toBe(0o600);
    expect(readSharedKey(state!.keyFile!)).toHaveLength(43);
    await relay.close();
    expect(readDevState(stateDir)).toBeUndefined();
    expect(lines.join('')).not.toContain(readFileSync(join(stateDir, 'token.key'), 'utf8').trim());
  });

  it('keeps key and certificate over a restart', async () => {
    const first = await start({ dev: true });
    const key = readFileSync(first.keyFile!, 'utf8');
    await first.close();
    const second = await start({ dev: true });
    await second.close();
    expect(readFileSync(second.keyFile!, 'utf8')).toBe(key);
    expect(second.certificateHashes).toEqual(first.certificateHashes);
  });

  it('does not believe a file whose process is gone, or that is broken', () => {
    const state = { url: '', certificateHashes: [], transport: 'engine' as const, httpAddress: '', pid: 2 ** 22 + 1 };
    writeDevState(stateDir, state);
    expect(readDevState(stateDir)).toBeUndefined();
    writeDevState(stateDir, { ...state, pid: process.pid });
    expect(readDevState(stateDir)).toMatchObject({ transport: 'engine' });
    writeFileSync(join(stateDir, 'relay.json'), '{');
    expect(readDevState(stateDir)).toBeUndefined();
  });
});

describe('gifts', () => {
  const ticket = { room: 'demo', sub: 'ann', liver: 'mio', item: 'star', amount: 100 };
  const post = (address: string, body: unknown) =>
    fetch(`${address}/v1/gifts/tickets`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });

  it('have a ledger and a key of their own in development, and tickets for anybody who asks', async () => {
    const relay = await start({ dev: true });
    try {
      const answer = await post(relay.httpAddress, ticket);
      expect(answer.status).toBe(200);
      const jwt = ((await answer.json()) as { ticket: string }).ticket;
      expect(decodeProtectedHeader(jwt)).toEqual({ alg: 'EdDSA', typ: 'gift+jwt' });
      expect(decodeJwt(jwt)).toMatchObject({ ...ticket, currency: 'JPY', reg: 'local' });
      expect((await post(relay.httpAddress, { ...ticket, amount: 1.5 })).status).toBe(400);
      expect(statSync(join(stateDir, 'ticket.key')).mode & 0o777).toBe(0o600);
      expect(statSync(join(stateDir, 'ledger.db')).isFile()).toBe(true);
      expect((await relay.stats()).ledger).toMatchObject({ records: 0, waiting: 0 });
    } finally {
      await relay.close();
    }
  });

  it('are kept over a restart, and the relay closes its ledger', async () => {
    const gift = { ...ticket, sender: 'ann', jti: 'one', currency: 'JPY', reg: 'local' };
    const first = await start({ dev: true });
    expect(await first.ledger!.claim(gift, 1)).toMatchObject({ id: 1, repeat: false });
    await first.drain({ deadlineMs: 10 });
    await expect(first.ledger!.claim(gift, 2)).rejects.toMatchObject({ code: 'ledger_closed' });
    const second = await start({ dev: true });
    expect(await second.ledger!.claim(gift, 3)).toMatchObject({ id: 1, atMs: 1, repeat: true });
    await second.close();
  });

  it('are not taken in production without a key, and no ticket is ever signed there', async () => {
    const keyFile = join(stateDir, 'k');
    writeFileSync(keyFile, 'k'.repeat(40));
    const without = await start({ token: { keyFile } });
    expect(without.ledger).toBeUndefined();
    expect((await without.stats()).ledger).toBeUndefined();
    await without.close();
    await expect(start({ token: { keyFile }, gifts: { enabled: true } })).rejects.toMatchObject({
      code: 'invalid_argument',
      message: expect.stringContaining('gifts.publicKeyFile'),
    });
    const publicKeyFile = join(stateDir, 'ticket.pub');
    const { publicKey } = generateKeyPairSync('ed25519');
    writeFileSync(publicKeyFile, publicKey.export({ type: 'spki', format: 'pem' }));
    const relay = await start({ token: { keyFile }, gifts: { publicKeyFile } });
    try {
      expect(relay.ledger).toBeDefined();
      expect((await post(relay.httpAddress, ticket)).status).toBe(404);
      expect(() => statSync(join(stateDir, 'ticket.key'))).toThrow(/ENOENT/);
    } finally {
      await relay.close();
    }
  });

  it('end readiness when the ledger fails, and not before', async () => {
    const relay = await start({ dev: true });
    try {
      expect((await fetch(`${relay.httpAddress}/readyz`)).status).toBe(200);
      const metrics = async () => (await fetch(relay.metricsAddress)).text();
      expect(await metrics()).toMatch(/^hayate_ledger_up 1/m);
      const gift = { ...ticket, sender: 'ann', jti: 'one', currency: 'JPY', reg: 'local' };
      await relay.ledger!.claim(gift, 1);
      const db = new DatabaseSync(join(stateDir, 'ledger.db'));
      db.exec('DROP TRIGGER records_stay; UPDATE records SET amount = 1000');
      db.close();
      await expect(relay.ledger!.claim(gift, 1)).rejects.toMatchObject({ code: 'ledger_corrupt' });
      await expect.poll(async () => (await fetch(`${relay.httpAddress}/readyz`)).status).toBe(503);
      expect((await fetch(`${relay.httpAddress}/healthz`)).status).toBe(200);
      expect(await metrics()).toMatch(/^hayate_ledger_up 0/m);
    } finally {
      await relay.close();
    }
    await expect(start({ dev: true })).rejects.toMatchObject({ code: 'ledger_corrupt' });
  });
});

describe('start', () => {
  it('refuses to run without a token key in production', async () => {
    await expect(start({})).rejects.toMatchObject({
      code: 'invalid_argument',
      message: expect.stringContaining('token'),
    });
  });

  it('refuses an unknown setting', async () => {
    await expect(start({ rooms: { lingerMS: 1 } } as never)).rejects.toThrow(/did you mean rooms\.lingerMs/);
  });

  it('gives no tokens away in production, and writes no state', async () => {
    const keyFile = join(stateDir, 'k');
    writeFileSync(keyFile, 'k'.repeat(40));
    const relay = await start({ token: { keyFile } });
    try {
      const answer = await fetch(`${relay.httpAddress}/v1/rooms`, { method: 'POST', body: '{}' });
      expect(answer.status).toBe(404);
      expect(readDevState(stateDir)).toBeUndefined();
      expect(new URL(relay.url).hostname).toBe('localhost');
    } finally {
      await relay.close();
    }
  });

  it('leaves nothing open when a port is taken', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => holder.once('listening', resolve));
    const { port } = holder.address() as { port: number };
    await expect(start({ dev: true, http: { port } })).rejects.toMatchObject({
      code: 'bind_failed',
      message: expect.stringContaining(`http: cannot listen on 127.0.0.1:${port}`),
    });
    await expect(start({ dev: true, listen: { port } })).rejects.toMatchObject({ code: 'bind_failed' });
    holder.close();
  });

  it('closes twice, and drains after closing', async () => {
    const relay = await start({ dev: true });
    await Promise.all([relay.close(), relay.close()]);
    await relay.drain({ deadlineMs: 10 });
    expect(await relay.stats()).toMatchObject({ sessions: 0, rooms: 0 });
  });

  it('says when the engine is asked for and is not there', async ({ skip }) => {
    if (engineAvailable().ok) skip('the engine is built here');
    await expect(start({ dev: true, transport: 'engine' })).rejects.toMatchObject({ code: 'unsupported' });
  });

  it('takes the engine by itself where it is built', async ({ skip }) => {
    const available = engineAvailable();
    if (!available.ok) return skip(available.reason);
    const relay = await start({ dev: true, transport: 'auto' });
    expect(relay.transport).toBe('engine');
    const hashes = relay.certificateHashes;
    await relay.close();
    const again = await start({ dev: true, transport: 'auto' });
    expect(again.certificateHashes).toEqual(hashes);
    await again.close();
  });
});

/** An address of this machine that others could reach; undefined without a network. */
function outerAddress(): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
}

describe('private pages', () => {
  const outer = outerAddress();
  it('are for this machine alone unless somebody says otherwise', async ({ skip }) => {
    if (outer === undefined) skip('this machine has no address but loopback');
    const tokenFile = join(stateDir, 'service.token');
    writeFileSync(tokenFile, 'a-service-token-of-more-than-32-characters');
    const keyFile = join(stateDir, 'shared.key');
    writeFileSync(keyFile, 'a-shared-key-of-more-than-32-characters');
    const own = { token: { keyFile }, api: { port: 0, tokenFile } };
    const closed = await start(own);
    const fromOutside = (address: string) =>
      fetch(`http://${outer}:${new URL(address).port}/healthz`).then(
        ({ status }) => status,
        () => 'refused',
      );
    const pages = [closed.httpAddress, closed.metricsAddress, closed.apiAddress];
    expect(await Promise.all(pages.map(fromOutside))).toEqual(['refused', 'refused', 'refused']);
    await closed.close();
    // Open on purpose, the same way in is answered: the refusals above are the addresses'.
    const open = await start({ ...own, http: { port: 0, host: '0.0.0.0' }, metrics: { port: 0, host: '0.0.0.0' } });
    expect(await Promise.all([open.httpAddress, open.metricsAddress].map(fromOutside))).toEqual([200, 404]);
    await open.close();
  });
});
