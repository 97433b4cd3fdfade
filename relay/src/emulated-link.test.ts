import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { engineAvailable, openEngine } from '@hayate/engine';
import { engineConnector } from '@hayate/transport/engine';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseConfig } from '../config/load.ts';
import type { RelayConfigInput } from '../config/schema.ts';
import { TestClient } from '../test/client.ts';
import { startRelay } from './relay.ts';

const available = engineAvailable();
const PORTS = { listen: { port: 0 }, http: { port: 0 }, metrics: { port: 0 }, api: { port: 0 } };

let stateDir: string;
beforeAll(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'hayate-link-'));
});
afterAll(() => rmSync(stateDir, { recursive: true, force: true }));

const start = (config: RelayConfigInput) =>
  startRelay({ ...PORTS, stateDir, ...config }, { logger: pino({ level: 'silent' }) });

const ask = (address: string, profile?: string) =>
  fetch(`${address}/v1/link`, {
    ...(profile !== undefined && { method: 'POST', body: JSON.stringify({ profile }) }),
    headers: { 'content-type': 'application/json' },
  });

describe('emulated link', () => {
  it('is a setting of development with the engine alone', () => {
    const config = { stateDir, emulateLink: true };
    expect(() => parseConfig(config)).toThrow(/emulateLink: only with dev/);
    expect(() => parseConfig({ ...config, dev: true, transport: 'websocket' })).toThrow(/needs the engine/);
    expect(parseConfig({ ...config, dev: true }).emulateLink).toBe(true);
    expect(parseConfig({ stateDir, dev: true }).emulateLink).toBe(false);
  });

  it('cannot be set where there is none: in production, and in development without it', async ({ skip }) => {
    if (!available.ok) return skip(available.reason);
    const keyFile = join(stateDir, 'k');
    writeFileSync(keyFile, 'k'.repeat(40));
    for (const config of [{ token: { keyFile } }, { dev: true }]) {
      const relay = await start(config);
      expect((await ask(relay.httpAddress)).status).toBe(404);
      expect((await ask(relay.httpAddress, 'lan')).status).toBe(404);
      await relay.close();
    }
  });

  it('is what clients dial, and changes under a session that goes on', async ({ skip }) => {
    if (!available.ok) return skip(available.reason);
    const relay = await start({ dev: true, emulateLink: true });
    const engine = openEngine();
    try {
      expect(new URL(relay.url).port).not.toBe(String(relay.address.port));
      const answer = await fetch(`${relay.httpAddress}/v1/rooms`, {
        ...{ method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' },
      });
      const { url, certificateHashes, tokens } = (await answer.json()) as {
        url: string;
        certificateHashes: string[];
        tokens: { viewer: string };
      };
      expect(url).toBe(relay.url);
      const serverCertificateHashes = certificateHashes.map((hash) => Buffer.from(hash, 'hex'));
      const client = new TestClient(engineConnector(engine)(url, { serverCertificateHashes }));
      await client.session.ready;
      await client.hello(tokens.viewer);
      const rttMs = async () => (await client.session.getStats()).rttMs ?? Number.NaN;
      expect(await (await ask(relay.httpAddress)).json()).toMatchObject({ profile: 'lan' });
      expect((await ask(relay.httpAddress, 'lead')).status).toBe(400);
      const told = await ask(relay.httpAddress, 'satellite');
      expect(told.status).toBe(200);
      expect(await told.json()).toMatchObject({ profile: 'satellite', profiles: expect.arrayContaining([]) });
      // Heartbeats and their acknowledgements show the round trip.
      await expect.poll(rttMs, { timeout: 20_000 }).toBeGreaterThan(200);
      expect(client.end).toBeUndefined();
      client.session.close();
    } finally {
      await relay.close();
      await engine.close();
    }
  });
});
