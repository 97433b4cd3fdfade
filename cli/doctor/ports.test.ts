import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { engineAvailable } from '@hayate/engine';
import { loadConfig, startRelay } from '@hayate/relay';
import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import type { Finding } from './finding.ts';
import { thisMachine } from './machine.ts';
import { checkPort, checkPrivate, type Port } from './ports.ts';
import { checkRelay } from './relay.ts';
import { engineHere } from './software.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const udp: Port = { check: 'port.x', protocol: 'udp', host: '127.0.0.1', port: 0, setting: 'x.port' };
const expected = { scheme: 'http' as const, path: '/', body: /ours/ };
const tcp: Port = { ...udp, protocol: 'tcp', expected };

async function udpTaken(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  closing.push(() => socket.close());
  return socket.address().port;
}

/** @param body what it answers; undefined: nothing, ever */
async function tcpTaken(body: string | undefined): Promise<number> {
  const server: Server = createServer((_, response) => {
    if (body !== undefined) response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** Free a moment ago: whoever bound it let it go. */
async function free(protocol: 'udp' | 'tcp'): Promise<number> {
  const port = await (protocol === 'udp' ? udpTaken() : tcpTaken(''));
  await closing.pop()!();
  return port;
}

describe('a port', () => {
  it('that is free is tried over loopback', async () => {
    expect(await checkPort({ ...udp, port: await free('udp') })).toMatchObject({
      level: 'ok',
      found: expect.stringMatching(/free and answers/),
    });
    expect(await checkPort({ ...tcp, port: await free('tcp') })).toMatchObject({
      level: 'ok',
      found: expect.stringMatching(/free and answers/),
    });
    expect(await checkPort({ ...udp, host: undefined, port: await free('udp') })).toMatchObject({ level: 'ok' });
    expect(await checkPort(udp)).toMatchObject({ level: 'ok', found: expect.stringMatching(/any free port/) });
  });

  it('that another program has fails, whatever that answers', async () => {
    const found = expect.stringMatching(/taken by another program/);
    const advice = expect.stringMatching(/set x.port to another port/);
    expect(await checkPort({ ...udp, port: await udpTaken() })).toMatchObject({ level: 'fail', found, advice });
    expect(await checkPort({ ...tcp, port: await tcpTaken('theirs') })).toMatchObject({ level: 'fail', found, advice });
    expect(await checkPort({ ...tcp, port: await tcpTaken(undefined) })).toMatchObject({ level: 'fail', found });
    expect(await checkPort({ ...tcp, port: await tcpTaken('ours') })).toMatchObject({
      level: 'ok',
      found: expect.stringMatching(/of ours/),
    });
  });

  it('of an address that is not here fails', async () => {
    const there = { ...udp, host: '192.0.2.1', port: 4433 };
    expect(await checkPort(there)).toMatchObject({ level: 'fail', found: '192.0.2.1 is no address of this machine' });
    expect(await checkPort({ ...there, protocol: 'tcp' })).toMatchObject({ level: 'fail' });
  });

  it('of a page without access control is for this machine', () => {
    expect(checkPrivate('private.x', '127.0.0.1', 'x.host')).toMatchObject({ level: 'ok' });
    expect(checkPrivate('private.x', '::', 'x.host')).toMatchObject({
      level: 'warn',
      found: expect.stringMatching(/every address/),
    });
  });
});

describe('the ports of a relay that runs', () => {
  const engine = engineAvailable();
  it.skipIf(!engine.ok)('are its own', async () => {
    const stateDir = mkdtempSync(join(tmpdir(), 'hayate-doctor-'));
    closing.push(() => rmSync(stateDir, { recursive: true }));
    const any = { port: 0 };
    const relay = await startRelay(
      { dev: true, stateDir, listen: any, http: any, metrics: any, api: any },
      { logger: pino({ level: 'silent' }) },
    );
    closing.push(() => relay.close());
    const portOf = (url: string) => Number(new URL(url).port);
    const flags = {
      ...{ dev: true, stateDir, 'listen.port': relay.address.port },
      'http.port': portOf(relay.httpAddress),
      'metrics.port': portOf(relay.metricsAddress),
      'api.port': portOf(relay.apiAddress),
    };
    const ports: Finding[] = [];
    for await (const each of checkRelay(loadConfig({ flags }), thisMachine(), engineHere)) {
      if (each.check.startsWith('port.')) ports.push(each);
    }
    expect(ports.map(({ check, level }) => [check, level])).toEqual([
      ['port.listen', 'ok'],
      ['port.fallback', 'ok'],
      ['port.http', 'ok'],
      ['port.metrics', 'ok'],
      ['port.api', 'ok'],
    ]);
    expect(ports.every(({ found }) => found.includes('is taken by'))).toBe(true);
  });
});
