import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectRoom } from '@hayate/client';
import { mintToken, type RunningRelay, readSharedKey, startRelay } from '@hayate/relay';
import { webSocketConnector } from '@hayate/transport/fails-components';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { EXIT } from './program.ts';
import { call } from './test/call.ts';

const stateDir = mkdtempSync(join(tmpdir(), 'hayate-cli-rooms-'));
let relay: RunningRelay;
beforeAll(async () => {
  const free = { listen: { port: 0 }, http: { port: 0 }, metrics: { port: 0 }, api: { port: 0 } };
  relay = await startRelay(
    { ...free, dev: true, transport: 'websocket', stateDir },
    { logger: pino({ level: 'silent' }) },
  );
});
afterEach(() => vi.restoreAllMocks());
afterAll(async () => {
  await relay.close();
  rmSync(stateDir, { recursive: true, force: true });
});

const rooms = (...args: string[]) => call('rooms', ...args, '--state-dir', stateDir);
const lines = (text: string) =>
  text
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('hayate rooms', () => {
  it('bans, lists bans, takes them back, and says who did it', async () => {
    const made = await rooms('ban', 'demo', 'ann', '--seconds', '3600', '--reason', 'spam', '--by', 'eve');
    expect(made).toMatchObject({ code: EXIT.ok, err: '' });
    expect(made.out).toMatch(/^ann is kept out of demo until \d{4}-.*Z\n$/);
    expect(lines((await rooms('ban', 'demo', 'b/o\u202e', '--by', 'eve', '--json')).out)).toMatchObject([
      { room: 'demo', subject: 'b/o\u202e', by: 'eve', untilMs: null },
    ]);
    const bans = await rooms('bans', 'demo');
    expect(bans.out).toMatch(/^ann {2}until \S+ {2}by eve {2}spam\nb\/o\? {2}for ever {2}by eve\n$/);
    expect((await rooms('unban', 'demo', 'b/o\u202e', '--by', 'eve')).code).toBe(EXIT.ok);
    expect(lines((await rooms('bans', 'demo', '--json')).out)).toMatchObject([{ subject: 'ann' }]);
    expect((await rooms('bans', 'other')).out).toBe('');
    const audit = lines((await rooms('audit', '--room', 'demo', '--json')).out);
    expect(audit.map(({ via, actor, action, target }) => [via, actor, action, target])).toEqual([
      ['api', 'eve', 'ban', 'ann'],
      ['api', 'eve', 'ban', 'b/o\u202e'],
      ['api', 'eve', 'unban', 'b/o\u202e'],
    ]);
    const page = await rooms('audit', '--limit', '1');
    expect(page.out).toMatch(/^1 {2}\S+ {2}demo {2}eve \(api\) {2}ban {2}ann {2}until .*: spam\n$/);
    expect(page.err).toBe('go on with --after 1\n');
    expect(lines((await rooms('audit', '--after', '2', '--target', 'b/o\u202e', '--json')).out)).toHaveLength(1);
  });

  it('shows a room with its people, and closes it', async () => {
    expect((await rooms('list')).err).toBe('0 rooms\n');
    const { url, certificateHashes } = relay;
    const token = () => mintToken(readSharedKey(relay.keyFile!), { room: 'live', sub: 'ann', roles: ['viewer'] });
    const room = connectRoom({ url, certificateHashes, token }, { connector: webSocketConnector() });
    await room.ready;
    expect((await rooms('list')).out).toBe('live  1 members  0 viewers  0 livers\n');
    // Whether somebody is new the disk knows, a moment later.
    await vi.waitFor(async () =>
      expect((await rooms('show', 'live')).out).toMatch(
        /^live {2}1 members.*\nlag budget 100 ms.*\nann {2}viewer {2}new\n$/,
      ),
    );
    expect(lines((await rooms('show', 'live', '--json')).out)).toMatchObject([
      { room: 'live', people: [{ sub: 'ann', roles: ['viewer'] }] },
    ]);
    expect(await rooms('close', 'live', '--by', 'eve')).toMatchObject({ code: EXIT.ok, out: 'live is closed\n' });
    expect(await room.closed).toMatchObject({ code: 'room_closed' });
  });

  it('fails with the code of what is not there', async () => {
    expect(await rooms('show', 'nowhere')).toMatchObject({
      code: EXIT.failed,
      err: expect.stringContaining('no_such_room'),
    });
  });

  it.each([
    [['ban', 'demo'], /missing required argument/],
    [['ban', 'demo', 'ann', '--seconds', '0'], /number from 1/],
    [['audit', '--limit', 'x'], /number from 1/],
  ])('%j is wrong usage', async (args, text) => {
    expect(await rooms(...args)).toMatchObject({ code: EXIT.usage, out: '', err: expect.stringMatching(text) });
  });
});

describe('another relay', () => {
  const wrong = join(stateDir, 'wrong.token');
  let server: Server | undefined;
  afterEach(() => server?.close());

  it('wants its address and its token', async () => {
    writeFileSync(wrong, 'w'.repeat(40));
    const list = (...args: string[]) => call('rooms', 'list', ...args);
    const nowhere = ['--state-dir', join(stateDir, 'none')];
    expect(await list(...nowhere)).toMatchObject({ code: EXIT.usage, err: expect.stringContaining('--api') });
    expect(await list(...nowhere, '--api', relay.apiAddress)).toMatchObject({
      code: EXIT.usage,
      err: expect.stringContaining('--service-token-file'),
    });
    const right = join(stateDir, 'service.token');
    const given = (file: string) => list(...nowhere, '--api', relay.apiAddress, '--service-token-file', file);
    expect((await given(right)).code).toBe(EXIT.ok);
    expect(await given(wrong)).toMatchObject({ code: EXIT.failed, err: expect.stringContaining('token_invalid') });
    expect(await given(join(stateDir, 'absent'))).toMatchObject({ code: EXIT.failed });
  });

  it('that answers something else, or nothing, is an error', async () => {
    writeFileSync(wrong, 'w'.repeat(40));
    server = createServer((_, response) => void response.writeHead(502).end('<html>')).listen(0, '127.0.0.1');
    await new Promise((resolve) => server!.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const at = (p: number) => call('rooms', 'list', '--api', `http://127.0.0.1:${p}`, '--service-token-file', wrong);
    expect(await at(port)).toMatchObject({ code: EXIT.failed, err: expect.stringContaining('status 502') });
    await new Promise((resolve) => server!.close(resolve));
    expect(await at(port)).toMatchObject({ code: EXIT.failed, err: expect.stringContaining('connect_failed') });
  });
});
