import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, afterEach, beforeEach, expect, it } from 'vitest';
import { bodies, type Rig } from '../test/bodies.ts';
import { type SeenSpan, spansIn, traceFaults } from '../test/spans.ts';

const dir = mkdtempSync(join(tmpdir(), 'hayate-trace-'));
afterAll(() => rmSync(dir, { recursive: true }));

let at = 0;
let file: string;
let rig: Rig | undefined;
let lines: Record<string, unknown>[];
beforeEach(() => {
  file = join(dir, `${++at}.jsonl`);
  lines = [];
});
afterEach(async () => {
  await rig?.close();
  rig = undefined;
});

async function start(joins: number) {
  const logger = pino({ level: 'debug' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  rig = await bodies[0]!.start({ telemetry: { traces: { file, joins } } }, { logger });
  return rig;
}
const spans = (): SeenSpan[] => (existsSync(file) ? spansIn(file) : []);
const firsts = (name: string) => spans().filter((span) => span.name === name);
const line = (msg: string) => lines.find((each) => each['msg'] === msg);

it('a join is a trace of its token and its room, which the log names', async () => {
  await (await start(1)).join({ sub: 'ann', room: 'r' });
  await expect.poll(() => firsts('join').length).toBe(1);
  const all = spans();
  expect(traceFaults(all)).toEqual([]);
  expect(all.map(({ name }) => name).sort()).toEqual(['join', 'join.room', 'join.token']);
  const [first] = firsts('join') as [SeenSpan];
  expect(first.attributes).toEqual({ 'hayate.room': 'r', 'hayate.result': 'welcome' });
  expect(line('joined')).toMatchObject({ trace_id: first.traceId, span_id: first.spanId });
});

it('a refused join has its code, one that the client gave up too', async () => {
  await start(1);
  const wrong = await rig!.connect();
  await wrong.open({ t: 'hello', v: 1, token: 'no token' });
  await expect.poll(() => firsts('join').length).toBe(1);
  const [first] = firsts('join') as [SeenSpan];
  expect(first).toMatchObject({
    failed: true,
    attributes: { 'hayate.result': 'refused', 'hayate.code': 'token_invalid' },
  });
  expect(line('closing')).toMatchObject({ code: 'token_invalid', trace_id: first.traceId });
});

it('of joins only the share that was asked for is traced, and what comes after a join is none', async () => {
  await start(0);
  const ann = await rig!.join({ sub: 'ann' });
  ann.session.close();
  await rig!.relay.drain({ deadlineMs: 0 });
  expect(spans().map(({ name }) => name)).toEqual(['relay.drain']);
  expect(line('joined')).not.toHaveProperty('trace_id');
});

it('a drain is a span from the word to go until nobody is left', async () => {
  await start(0);
  const [ann] = await Promise.all([rig!.join({ sub: 'ann' }), rig!.join({ sub: 'bob' })]);
  const drained = rig!.relay.drain({ deadlineMs: 200 });
  await ann.heard('draining');
  ann.session.close();
  await drained;
  const [drain] = firsts('relay.drain') as [SeenSpan];
  expect(drain.attributes).toEqual({ 'hayate.sessions': 2, 'hayate.rooms': 1, 'hayate.left_behind': 1 });
  expect(line('draining')).toMatchObject({ sessions: 2, trace_id: drain.traceId, span_id: drain.spanId });
});
