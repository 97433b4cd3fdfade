import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RelayConfigInput } from '../config/schema.ts';
import { type Body, bodies, type Rig } from './bodies.ts';
import type { TestClient } from './client.ts';
import { eventually } from './scene.ts';

for (const body of bodies) {
  if (body.missing) it(`comments over ${body.name}`, ({ skip }) => skip(body.missing));
  else describe(`comments over ${body.name}`, () => suite(body));
}

const FREE = { perSecond: 1000, burst: 1000, roomPerSecond: 10_000, roomBurst: 10_000 };

/** Numbers of the room that a client was told of, from its last opening on. */
function told({ comments }: TestClient): number {
  let at = 0;
  for (const message of comments) {
    if (message.t === 'comments') at = message.after;
    else if (message.t === 'missed') at += message.count;
    else if (message.t === 'comment') {
      at += 1;
      expect(message.n).toBe(at);
    }
  }
  return at;
}

function suite(body: Body): void {
  let rig: Rig;
  beforeAll(async () => {
    rig = await body.start({ comments: FREE });
  });
  afterAll(() => rig?.close());

  it('shows 20 of a burst to everybody, the same ones, and tells how many more there were', async () => {
    const [writer, a, b] = [
      await rig.join({ room: 'burst' }),
      await rig.join({ room: 'burst' }),
      await rig.join({ room: 'burst' }),
    ];
    for (const each of [writer, a, b]) await each.openComments();
    await Promise.all(Array.from({ length: 100 }, () => writer.comment('x')));
    await a.until(() => told(a) === 100, 'all of them');
    await b.until(() => told(b) === 100, 'all of them');
    expect(a.posted()).toEqual(b.posted());
    expect(a.posted().length).toBeGreaterThanOrEqual(20);
    // On a busy machine the hundred take longer than an instant.
    expect(a.posted().length).toBeLessThan(100);
    expect((await rig.relay.stats()).commentsLeftOut).toBe(100 - a.posted().length);
  });

  it('replays what is kept, on a new stream of the session too, and only in this room', async () => {
    const writer = await rig.join({ room: 'replay', sub: 'ann', name: 'Ann' });
    expect(await writer.openComments()).toEqual({ t: 'comments', after: 0 });
    for (let n = 1; n <= 10; n++) expect(await writer.comment(`c${n}`)).toMatchObject({ t: 'done', n });
    const late = await rig.join({ room: 'replay' });
    expect(await late.openComments()).toEqual({ t: 'comments', after: 0 });
    await late.until(() => late.posted().length === 10, 'the kept ones');
    expect(late.posted()[3]).toMatchObject({ n: 4, sub: 'ann', name: 'Ann', text: 'c4' });
    expect(await late.openComments(8)).toEqual({ t: 'comments', after: 8 });
    await late.until(() => late.posted().length === 12, 'the last two');
    await writer.comment('c11');
    await late.until(() => late.posted().length === 13, 'one more');
    const elsewhere = await rig.join({ room: 'replay-2' });
    await elsewhere.openComments();
    await elsewhere.comment('own');
    await elsewhere.until(() => elsewhere.posted().length > 0, 'its own');
    expect(elsewhere.posted()).toMatchObject([{ n: 1, text: 'own' }]);
  });

  it('adds up reactions', async () => {
    const [a, b] = [await rig.join({ room: 'react' }), await rig.join({ room: 'react' })];
    for (const each of [a, b]) await each.openComments();
    for (let id = 0; id < 3; id++) await a.say({ t: 'react', id, kind: 'heart' });
    await b.say({ t: 'react', id: 1, kind: 'clap' });
    const sum = () => {
      const out: Record<string, number> = {};
      for (const message of b.comments) {
        if (message.t !== 'reactions') continue;
        for (const [kind, count] of Object.entries(message.counts)) out[kind] = (out[kind] ?? 0) + count;
      }
      return out;
    };
    await b.until(() => sum()['heart'] === 3 && sum()['clap'] === 1, 'four reactions');
    expect(a.comments.filter(({ t }) => t === 'done' || t === 'error')).toEqual([]);
  });

  it('refuses who may not, and goes on', async () => {
    const mute = await rig.join({ room: 'may-not', permissions: ['watch'] });
    await mute.openComments();
    expect(await mute.comment('x')).toMatchObject({ t: 'error', code: 'not_permitted', retryable: false });
    await mute.say({ t: 'react', id: 77, kind: 'heart' });
    await mute.until(() => mute.comments.some((m) => m.t === 'error' && m.id === 77), 'the refusal');
    expect(mute.end).toBeUndefined();
    expect(mute.posted()).toEqual([]);
  });

  it('ends a session that sends something else there', async () => {
    const client = await rig.join({ room: 'wrong' });
    await client.openComments();
    await client.say({ t: 'watch', id: 1 });
    expect(await client.ended()).toMatchObject({ closeCode: 100 });
  });
}

it('limits a person over all sessions, and not another', async () => {
  const rig = await bodies[0]!.start({ comments: { perSecond: 0.01, burst: 2 } });
  try {
    const [a, b, other] = [await rig.join({ sub: 'ann' }), await rig.join({ sub: 'ann' }), await rig.join()];
    for (const each of [a, b, other]) await each.openComments();
    expect(await a.comment('1')).toMatchObject({ t: 'done' });
    expect(await b.comment('2')).toMatchObject({ t: 'done' });
    for (const each of [a, b]) expect(await each.comment('3')).toMatchObject({ code: 'rate_limited', retryable: true });
    expect(await other.comment('4')).toMatchObject({ t: 'done', n: 3 });
    expect((await rig.relay.stats()).refused).toEqual({ rate_limited: 2 });
  } finally {
    await rig.close();
  }
});

it('has no trace of sessions that came, commented and went', async () => {
  const rig = await bodies[0]!.start({ rooms: { emptyMs: 0, lingerMs: 500 }, comments: FREE });
  try {
    for (let n = 0; n < 20; n++) {
      const client = await rig.join();
      await client.openComments();
      await client.comment('x');
      client.session.close({ closeCode: n % 2 ? 0 : 601, reason: '' });
    }
    await eventually(
      () => rig.relay.stats(),
      (stats) => stats.sessions === 0 && stats.rooms === 0,
    );
    const fresh = await rig.join();
    expect(await fresh.openComments()).toEqual({ t: 'comments', after: 0 });
    expect(await fresh.comment('x')).toMatchObject({ n: 1 });
  } finally {
    await rig.close();
  }
});

describe('a word filter', () => {
  let folder: string;
  let server: Server;
  let answer: (text: string, response: ServerResponse) => void;
  const judged: string[] = [];
  const verdict = (value: object) => (_: string, response: ServerResponse) => void response.end(JSON.stringify(value));
  let url: string;
  let secretFile: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hayate-filter-'));
    secretFile = join(folder, 'secret');
    writeFileSync(secretFile, `whsec_${Buffer.alloc(32, 7).toString('base64')}\n`);
    server = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      const { text } = (JSON.parse(body) as { data: { text: string } }).data;
      judged.push(text);
      answer(text, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/filter`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function withFilter(
    filter: NonNullable<RelayConfigInput['comments']>['filter'],
    use: (client: TestClient, watcher: TestClient, rig: Rig) => Promise<void>,
  ): Promise<void> {
    const rig = await bodies[0]!.start({ comments: { ...FREE, filter } });
    try {
      const [client, watcher] = [await rig.join(), await rig.join()];
      for (const each of [client, watcher]) await each.openComments();
      await use(client, watcher, rig);
    } finally {
      await rig.close();
    }
  }
  const texts = (client: TestClient) => client.posted().map(({ text }) => text);

  it('of words refuses, and lets the rest through', async () => {
    const words = join(folder, 'words.txt');
    writeFileSync(words, 'バカ\nbad\n');
    await withFilter({ words }, async (client, watcher, rig) => {
      expect(await client.comment('so BAD')).toMatchObject({ code: 'comment_refused', retryable: false });
      expect(await client.comment('so good')).toMatchObject({ t: 'done', n: 1 });
      await watcher.until(() => watcher.posted().length === 1, 'the good one');
      expect(texts(watcher)).toEqual(['so good']);
      expect((await rig.relay.stats()).refused).toEqual({ comment_refused: 1 });
    });
  });

  it('of the backend allows, replaces and refuses, in order', async () => {
    answer = (text, response) => {
      const word = text.split(' ')[0];
      verdict(word === 'replace' ? { verdict: word, text: '***' } : { verdict: word })(text, response);
    };
    await withFilter({ url, secretFile, timeoutMs: 10_000 }, async (client, watcher, rig) => {
      const answers = await Promise.all(['allow 1', 'replace 2', 'refuse 3', 'allow 4'].map((t) => client.comment(t)));
      expect(answers).toMatchObject([{ n: 1 }, { n: 2 }, { code: 'comment_refused' }, { n: 3 }]);
      await watcher.until(() => watcher.posted().length === 3, 'three');
      expect(texts(watcher)).toEqual(['allow 1', '***', 'allow 4']);
      expect(judged.slice(-4)).toEqual(['allow 1', 'replace 2', 'refuse 3', 'allow 4']);
      const metrics = await (await fetch(rig.relay.metricsAddress)).text();
      expect(metrics).toMatch(/^hayate_comment_filter_total\{result="allow"\} 2( |$)/m);
      expect(metrics).toMatch(/^hayate_comment_filter_up 1( |$)/m);
    });
  });

  it('that does not answer in time refuses, or shows where the operator wants that; and is soon not waited for', async () => {
    answer = () => {};
    const slow = { url, secretFile, timeoutMs: 50 };
    await withFilter(slow, async (client, watcher, rig) => {
      for (let n = 0; n < 6; n++) {
        expect(await client.comment('x')).toMatchObject({ code: 'filter_unavailable', retryable: true });
      }
      expect(texts(watcher)).toEqual([]);
      const metrics = await (await fetch(rig.relay.metricsAddress)).text();
      expect(metrics).toMatch(/^hayate_comment_filter_total\{result="timeout"\} 5( |$)/m);
      expect(metrics).toMatch(/^hayate_comment_filter_total\{result="down"\} 1( |$)/m);
      expect(metrics).toMatch(/^hayate_comment_filter_up 0( |$)/m);
    });
    await withFilter({ ...slow, onTimeout: 'show' }, async (client, watcher) => {
      expect(await client.comment('shown')).toMatchObject({ t: 'done', n: 1 });
      await watcher.until(() => watcher.posted().length === 1, 'the comment');
    });
  });
});
