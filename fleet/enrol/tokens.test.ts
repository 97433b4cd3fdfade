import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EnrolmentTokens } from './tokens.ts';

const MINUTE_MS = 60_000;
let dir: string;
let nowMs: number;
let tokens: EnrolmentTokens;

const open = () => new EnrolmentTokens(join(dir, 'tokens.sqlite'), { nowMs: () => nowMs, randomBytes });
const key = (n: number) => new Uint8Array(32).fill(n);
const ask = (token: string, more: Partial<{ id: string; keyHash: Uint8Array; address: string }> = {}) =>
  tokens.redeem({ token, id: 'jp-a-1', keyHash: key(1), address: '192.0.2.1', ...more });

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hayate-tokens-'));
  nowMs = 1_800_000_000_000;
  tokens = open();
});
afterEach(() => {
  tokens.close();
  rmSync(dir, { recursive: true });
});

test('a token lets one machine in, and remembers it', () => {
  const token = tokens.issue({ id: 'jp-a-1', region: 'jp' });
  expect(ask(token)).toEqual({ region: 'jp' });
  expect(tokens.machines()).toEqual([
    { id: 'jp-a-1', region: 'jp', address: '192.0.2.1', enrolledMs: nowMs, revoked: false },
  ]);
  expect(tokens.member('jp-a-1', key(1))).toMatchObject({ id: 'jp-a-1' });
});

test('an answer that was lost may be asked for again by the same key, by no other', () => {
  const token = tokens.issue({ id: 'jp-a-1', region: 'jp' });
  ask(token);
  expect(ask(token)).toEqual({ region: 'jp' });
  expect(ask(token, { keyHash: key(2) })).toEqual({ refused: 'replayed' });
  nowMs += 11 * MINUTE_MS;
  expect(ask(token)).toEqual({ refused: 'late' });
});

test('after ten minutes it is late', () => {
  const token = tokens.issue({ id: 'jp-a-1', region: 'jp' });
  nowMs += 10 * MINUTE_MS - 1;
  const other = tokens.issue({ id: 'jp-a-2', region: 'jp' });
  expect(ask(token)).toEqual({ region: 'jp' });
  nowMs += 10 * MINUTE_MS;
  expect(ask(other, { id: 'jp-a-2' })).toEqual({ refused: 'late' });
});

test('it is for its machine: another name or address does not use it up', () => {
  const token = tokens.issue({ id: 'jp-a-1', region: 'jp', address: '192.0.2.1' });
  expect(ask(token, { id: 'jp-a-2' })).toEqual({ refused: 'foreign' });
  expect(ask(token, { address: '192.0.2.2' })).toEqual({ refused: 'foreign' });
  expect(ask('x'.repeat(43))).toEqual({ refused: 'unknown' });
  expect(tokens.machines()).toEqual([]);
  expect(ask(token)).toEqual({ region: 'jp' });
});

test('a newer token ends an older one that nobody used', () => {
  const old = tokens.issue({ id: 'jp-a-1', region: 'jp' });
  const fresh = tokens.issue({ id: 'jp-a-1', region: 'jp' });
  expect(ask(old)).toEqual({ refused: 'late' });
  expect(ask(fresh)).toEqual({ region: 'jp' });
});

test('what was used stays used after a restart, and the file has no token in it', () => {
  const token = tokens.issue({ id: 'jp-a-1', region: 'jp' });
  ask(token);
  tokens.close();
  tokens = open();
  expect(ask(token, { keyHash: key(2) })).toEqual({ refused: 'replayed' });
  tokens.close();
  const file = readFileSync(join(dir, 'tokens.sqlite'));
  expect(file.includes(Buffer.from('jp-a-1'))).toBe(true);
  expect(file.includes(Buffer.from(token))).toBe(false);
  expect(file.includes(Buffer.from(token, 'base64url'))).toBe(false);
  tokens = open();
});

test('who was put out gets nothing until a new token lets it in', () => {
  ask(tokens.issue({ id: 'jp-a-1', region: 'jp' }));
  expect(tokens.revoke('jp-a-1')).toBe(true);
  expect(tokens.revoke('jp-a-1')).toBe(false);
  expect(tokens.member('jp-a-1', key(1))).toEqual({ refused: 'revoked' });
  expect(ask(tokens.issue({ id: 'jp-a-1', region: 'jp' }), { keyHash: key(2) })).toEqual({ region: 'jp' });
  expect(tokens.member('jp-a-1', key(1))).toEqual({ refused: 'foreign' });
  expect(tokens.member('jp-a-1', key(2))).toMatchObject({ revoked: false });
  expect(tokens.member('us-a-1', key(2))).toEqual({ refused: 'unknown' });
});

test('tokens beside each other let one machine in: with the first that is used the others end', () => {
  const [first, second] = [1, 2].map(() => tokens.issue({ id: 'jp-a-1', region: 'jp', keepEarlier: true }));
  const other = tokens.issue({ id: 'jp-a-2', region: 'jp' });
  expect(ask(first!)).toEqual({ region: 'jp' });
  expect(ask(second!, { keyHash: key(2) })).toEqual({ refused: 'late' });
  expect(ask(other, { id: 'jp-a-2', keyHash: key(3) })).toEqual({ region: 'jp' });
  // Control: without being told to, the newer one ends the older.
  const [older, newer] = [1, 2].map(() => tokens.issue({ id: 'jp-a-3', region: 'jp' }));
  expect(ask(older!, { id: 'jp-a-3' })).toEqual({ refused: 'late' });
  expect(ask(newer!, { id: 'jp-a-3' })).toEqual({ region: 'jp' });
});
