import type { RelayMessage } from '@hayate/codec/messages';
import { decodeMessage } from '@hayate/codec/messages';
import { expect, it } from 'vitest';
import { ManualClock } from '../test/clock.ts';
import { News } from './news.ts';
import type { Sessions } from './sessions.ts';

function scene(slow: ReadonlySet<number> = new Set()) {
  const deaf = new Set<number>();
  const sent: [number, string][] = [];
  const behind: number[] = [];
  const sessions = {
    of: (key: number) => ({
      sendNews: (encoded: Uint8Array) => {
        if (slow.has(key)) return false;
        const message = decodeMessage('relay', encoded.subarray(encoded[0]! < 64 ? 1 : 2)) as {
          total: number;
          t: string;
        };
        sent.push([key, `${message.t} ${message.total}`]);
        return true;
      },
    }),
  } as unknown as Pick<Sessions, 'of'>;
  const options = { sessions, listens: (key: number) => !deaf.has(key), behind: (key: number) => behind.push(key) };
  const clock = new ManualClock(0);
  const news = new News({ ...options, after: (ms, callback) => clock.after(ms, callback) });
  const turn = () => clock.skip();
  return { news, sent, behind, deaf, turn, clock };
}

const change = (total: number): RelayMessage => ({ t: 'presence', total, viewers: 0, entered: [], left: [] });
const list = (total: number): RelayMessage => ({ t: 'members', total, viewers: 0, members: [] });
const keys = (count: number) => Array.from({ length: count }, (_, n) => n);

it('goes to a hundred at once, and to the others later', () => {
  const { news, sent, turn, clock } = scene();
  news.change(keys(250), change(1));
  expect(sent).toHaveLength(100);
  turn();
  expect(sent).toHaveLength(200);
  turn();
  expect(sent.map(([key]) => key)).toEqual(keys(250));
  expect(turn()).toBe(false);
  expect(clock.nowMs()).toBe(20);
  // However many: within two seconds.
  news.change(keys(100_000), change(2));
  while (turn());
  expect(sent).toHaveLength(100_250);
  expect(clock.nowMs()).toBeLessThanOrEqual(2020);
});

it('never sends a change after the whole that had it already, nor two out of order', () => {
  const { news, sent, turn } = scene();
  news.change(keys(250), change(1));
  news.whole([240, 999], list(2));
  expect(sent.slice(-2)).toEqual([
    [240, 'members 2'],
    [999, 'members 2'],
  ]);
  news.change(keys(250), change(3));
  for (let n = 0; n < 4; n++) turn();
  const of = (key: number) => sent.filter(([k]) => k === key).map(([, what]) => what);
  expect(of(240)).toEqual(['members 2', 'presence 3']);
  expect(of(249)).toEqual(['presence 1', 'presence 3']);
  expect(sent).toHaveLength(249 + 2 + 250);
});

it('tells who was left out, and stops with its room', () => {
  const { news, sent, behind, deaf, turn } = scene(new Set([3, 170]));
  news.change(keys(250), change(1));
  deaf.add(150);
  turn();
  expect(behind).toEqual([3, 170]);
  news.close();
  turn();
  // Neither of the two, nor who turned it off meanwhile.
  expect(sent).toHaveLength(197);
});
