import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseConfig } from '../config/load.ts';
import { Counters } from '../telemetry/counters.ts';
import { ManualClock } from '../test/clock.ts';
import { settled } from '../test/comments.ts';
import { type FallibleFilter, FilterChain, GuardedFilter, type GuardOptions, type Verdict } from './filter.ts';
import { HookFilter } from './hook.ts';
import { openFilter } from './open.ts';
import { normalise, WordList } from './words.ts';

const COMMENT = { room: 'r', sub: 'ann', text: 'hello' };
const alive = () => new AbortController().signal;

/** Settles when told to; keeps to no deadline by itself. */
class HeldFilter implements FallibleFilter {
  asked = 0;
  readonly held: PromiseWithResolvers<{ do: 'allow' }>[] = [];

  judge(_: unknown, signal: AbortSignal): Promise<{ do: 'allow' }> {
    this.asked += 1;
    const held = Promise.withResolvers<{ do: 'allow' }>();
    signal.addEventListener('abort', () => held.reject(new Error('aborted')));
    this.held.push(held);
    return held.promise;
  }
}

describe('a guarded filter', () => {
  let clock: ManualClock;
  let counters: Counters;
  let filter: HeldFilter;
  const guarded = (options: Partial<GuardOptions> = {}) =>
    new GuardedFilter({
      filter,
      timeoutMs: 150,
      concurrency: 2,
      onTimeout: 'refuse',
      clock,
      counts: counters,
      ...options,
    });
  /** The verdict after so long. */
  async function after(ms: number, verdict: Promise<Verdict>): Promise<Verdict> {
    await settled();
    clock.advance(ms);
    const settledAs = await verdict;
    return settledAs;
  }
  beforeEach(() => {
    clock = new ManualClock(1000);
    counters = new Counters();
    filter = new HeldFilter();
  });

  it('gives the verdict of one that answers in time', async () => {
    const guard = guarded();
    const verdict = guard.judge(COMMENT, alive());
    await settled();
    filter.held[0]!.resolve({ do: 'allow' });
    expect(await verdict).toEqual({ do: 'allow' });
    expect(clock.timers).toBe(0);
    expect([...counters.get('comment_filter')]).toEqual([['allow', 1]]);
  });

  it('waits so long and no longer, then does as the operator wants', async () => {
    expect(await after(150, guarded().judge(COMMENT, alive()))).toEqual({ do: 'unavailable' });
    expect(await after(150, guarded({ onTimeout: 'show' }).judge(COMMENT, alive()))).toEqual({ do: 'allow' });
    expect([...counters.get('comment_filter')]).toEqual([['timeout', 2]]);
    let early: Verdict | undefined;
    void guarded()
      .judge(COMMENT, alive())
      .then((verdict) => {
        early = verdict;
      });
    await after(149, Promise.resolve({ do: 'allow' }));
    await settled();
    expect(early).toBeUndefined();
  });

  it('holds its bound: more wait for a place, in order and within their time', async () => {
    const guard = guarded();
    const verdicts = Array.from({ length: 4 }, () => guard.judge(COMMENT, alive()));
    await settled();
    expect(filter.asked).toBe(2);
    filter.held[0]!.resolve({ do: 'allow' });
    await settled();
    expect(filter.asked).toBe(3);
    clock.advance(150);
    expect(await Promise.all(verdicts)).toEqual([
      { do: 'allow' },
      { do: 'unavailable' },
      { do: 'unavailable' },
      { do: 'unavailable' },
    ]);
    await settled();
    // All places are free again.
    const again = [guard.judge(COMMENT, alive()), guard.judge(COMMENT, alive())];
    await settled();
    for (const held of filter.held) held.resolve({ do: 'allow' });
    expect(await Promise.all(again)).toEqual([{ do: 'allow' }, { do: 'allow' }]);
  });

  it('waits no more for one that is down, tries it one comment at a time, and takes it back', async () => {
    const changes: boolean[] = [];
    const guard = guarded({ onChange: (up) => changes.push(up) });
    for (let n = 0; n < 5; n++) await after(150, guard.judge(COMMENT, alive()));
    expect([guard.up, changes, filter.asked]).toEqual([false, [false], 5]);
    const since = clock.nowMs();
    for (let n = 0; n < 1000; n++) expect(await guard.judge(COMMENT, alive())).toEqual({ do: 'unavailable' });
    expect([clock.nowMs() - since, filter.asked]).toEqual([0, 5]);
    clock.advance(1000);
    const trial = guard.judge(COMMENT, alive());
    expect(await guard.judge(COMMENT, alive())).toEqual({ do: 'unavailable' });
    await after(150, trial);
    expect(filter.asked).toBe(6);
    // Twice as long now.
    clock.advance(1999);
    await guard.judge(COMMENT, alive());
    expect(filter.asked).toBe(6);
    clock.advance(1);
    const good = guard.judge(COMMENT, alive());
    await settled();
    filter.held.at(-1)!.resolve({ do: 'allow' });
    expect(await good).toEqual({ do: 'allow' });
    expect([guard.up, changes]).toEqual([true, [false, true]]);
    expect(counters.get('comment_filter').get('down')).toBe(1002);
  });

  it('does not blame the filter for a writer who left', async () => {
    const guard = guarded();
    for (let n = 0; n < 10; n++) {
      const gone = new AbortController();
      const verdict = guard.judge(COMMENT, gone.signal);
      await settled();
      gone.abort();
      expect(await verdict).toEqual({ do: 'unavailable' });
    }
    expect([guard.up, clock.timers]).toEqual([true, 0]);
  });
});

describe('a chain of filters', () => {
  it('goes on with what one replaced and stops at the first that refuses', async () => {
    const seen: string[] = [];
    const one = (verdict: Verdict) => ({
      judge: async ({ text }: { text: string }) => {
        seen.push(text);
        return verdict;
      },
    });
    const replace = one({ do: 'replace', text: '***' });
    const [allow, refuse] = [one({ do: 'allow' }), one({ do: 'refuse' })];
    expect(await new FilterChain([replace, allow]).judge(COMMENT, alive())).toEqual({ do: 'replace', text: '***' });
    expect(await new FilterChain([allow, refuse, replace]).judge(COMMENT, alive())).toEqual({ do: 'refuse' });
    expect(await new FilterChain([allow]).judge(COMMENT, alive())).toEqual({ do: 'allow' });
    expect(seen).toEqual(['hello', '***', 'hello', 'hello', 'hello']);
  });
});

describe('a word list', () => {
  const list = new WordList('# a remark\nbad\nvery rude\n\nバカ\nstraße\nСЛОВО\n100%\n');

  it.each([
    ['bad', true],
    ['so BAD!', true],
    ['ｂａｄ', true],
    ['b\u00ADa\u200Bd', true],
    ['badly', false],
    ['forbad', false],
    ['これはbadです', true],
    ['very rude', true],
    ['very', false],
    ['ﾊﾞｶ', true],
    ['ほんとバカだね', true],
    ['STRASSE', true],
    ['слово', true],
    ['100%', true],
    ['1100%', false],
    ['', false],
    ['a remark', false],
    ['hello', false],
  ])('%j: %s', (text, found) => {
    expect(list.has(text)).toBe(found);
  });

  it('normalises to one form', () => {
    expect(normalise('Ｓｔｒａßｅ')).toBe(normalise('STRASSE'));
    expect(new WordList('A\na\n\uFF41\n').size).toBe(1);
  });

  it('takes as long with many words as with few', () => {
    const words = Array.from({ length: 50_000 }, (_, n) => `word${n}`).join('\n');
    const many = new WordList(words);
    const text = 'word '.repeat(100);
    const since = performance.now();
    for (let n = 0; n < 100; n++) expect(many.has(text)).toBe(false);
    // Looking for each word in turn takes 50 s.
    expect(performance.now() - since).toBeLessThan(5000);
    expect(many.has('see word49999 there')).toBe(true);
  });
});

describe('filters of the configuration', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'hayate-filter-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const log = pino({ level: 'silent' });
  const filterConfig = (filter: object) => parseConfig({ comments: { filter } }).comments.filter;

  it('are none by default', async () => {
    const { filter, up } = await openFilter(filterConfig({}), { counters: new Counters(), log });
    expect([filter, up()]).toEqual([undefined, undefined]);
  });

  it('read the word list again when it changes, and keep it when it cannot be read', async () => {
    const words = join(folder, 'words.txt');
    writeFileSync(words, 'bad\n');
    const clock = new ManualClock(0);
    const { filter } = await openFilter(filterConfig({ words }), { counters: new Counters(), log, clock });
    const judge = (text: string) => filter!.judge({ ...COMMENT, text }, alive());
    expect(await judge('bad')).toEqual({ do: 'refuse' });
    expect(await judge('worse')).toEqual({ do: 'allow' });
    writeFileSync(words, 'worse, and longer\nworse\n');
    expect(await judge('worse')).toEqual({ do: 'allow' });
    clock.advance(1000);
    expect(await judge('worse')).toEqual({ do: 'refuse' });
    expect(await judge('bad')).toEqual({ do: 'allow' });
    rmSync(words);
    clock.advance(1000);
    expect(await judge('worse')).toEqual({ do: 'refuse' });
  });

  it('that cannot work keep the relay from starting', async () => {
    const deps = { counters: new Counters(), log };
    const missing = join(folder, 'none');
    await expect(openFilter(filterConfig({ words: missing }), deps)).rejects.toMatchObject({
      code: 'invalid_argument',
    });
    const url = 'http://127.0.0.1:1/filter';
    await expect(openFilter(filterConfig({ url, secretFile: missing }), deps)).rejects.toMatchObject({
      code: 'invalid_argument',
    });
    expect(() => filterConfig({ url })).toThrow('go together');
    expect(() => filterConfig({ url: 'http://example.com/', secretFile: missing })).toThrow('must be https');
  });

  describe('over HTTP', () => {
    const secret = Buffer.alloc(32, 7);
    let answer: (response: ServerResponse) => void;
    let requests: { headers: IncomingHttpHeaders; body: string }[];
    let connections: number;
    let url: string;
    let close: () => void;
    beforeEach(async () => {
      requests = [];
      connections = 0;
      const server = createServer((request, response) => {
        let body = '';
        request.setEncoding('utf8').on('data', (text: string) => {
          body += text;
        });
        request.on('end', () => {
          requests.push({ headers: request.headers, body });
          answer(response);
        });
      });
      server.on('connection', () => connections++);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/filter`;
      close = () => {
        server.closeAllConnections();
        server.close();
      };
      writeFileSync(join(folder, 'secret'), `whsec_${secret.toString('base64')}\n`);
    });
    afterEach(() => close());
    const json = (value: unknown) => (response: ServerResponse) => response.end(JSON.stringify(value));
    const hook = () => new HookFilter({ url: new URL(url), secrets: () => [secret], dateMs: () => 1_700_000_000_500 });

    it('are asked with a signature, over connections that stay open', async () => {
      answer = json({ verdict: 'allow' });
      const comment = { ...COMMENT, name: 'Ann' };
      for (let n = 0; n < 20; n++) expect(await hook().judge(comment, alive())).toEqual({ do: 'allow' });
      // A second one while the first is still being given back.
      expect(connections).toBeLessThanOrEqual(2);
      const { headers, body } = requests[0]!;
      expect(JSON.parse(body)).toEqual({ type: 'comment', data: comment });
      expect(headers['webhook-timestamp']).toBe('1700000000');
      const signed = `${headers['webhook-id']}.1700000000.${body}`;
      const right = `v1,${createHmac('sha256', secret).update(signed).digest('base64')}`;
      expect(headers['webhook-signature']).toBe(right);
      expect(new Set(requests.map((each) => each.headers['webhook-id'])).size).toBe(20);
    });

    it.each<[string, (response: ServerResponse) => void, Verdict | 'failure']>([
      ['204', (response) => response.writeHead(204).end(), { do: 'allow' }],
      ['refuse', json({ verdict: 'refuse' }), { do: 'refuse' }],
      ['replace', json({ verdict: 'replace', text: '♥' }), { do: 'replace', text: '♥' }],
      ['replace with nothing', json({ verdict: 'replace', text: '' }), 'failure'],
      ['replace with too much', json({ verdict: 'replace', text: 'x'.repeat(501) }), 'failure'],
      ['no verdict', json({}), 'failure'],
      ['null', json(null), 'failure'],
      ['no JSON', (response) => response.end('<html>'), 'failure'],
      ['500', (response) => response.writeHead(500).end('{"verdict":"allow"}'), 'failure'],
      ['a redirect', (response) => response.writeHead(302, { location: '/' }).end(), 'failure'],
      ['too long', (response) => response.end('x'.repeat(100_000)), 'failure'],
    ])('%s', async (_, respond, verdict) => {
      answer = respond;
      const judged = hook().judge(COMMENT, alive());
      if (verdict === 'failure') await expect(judged).rejects.toThrow();
      else expect(await judged).toEqual(verdict);
    });

    it('that do not answer are not waited for', async () => {
      answer = () => {};
      const options = filterConfig({ url, secretFile: join(folder, 'secret'), timeoutMs: 20 });
      const { filter, up, close: stop } = await openFilter(options, { counters: new Counters(), log });
      for (let n = 0; n < 5; n++) expect(await filter!.judge(COMMENT, alive())).toEqual({ do: 'unavailable' });
      expect(up()).toBe(false);
      stop();
    });
  });
});
