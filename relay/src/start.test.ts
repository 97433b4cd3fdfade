import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { engineAvailable } from '@hayate/engine';
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
const ports = { listen: { port: 0 }, http: { port: 0 }, metrics: { port: 0 } };
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
