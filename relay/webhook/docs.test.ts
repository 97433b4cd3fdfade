import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { LedgerRecord } from '../ledger/index.ts';
import { eventBody, type GiftEvent } from './event.ts';
import { DEFAULT_POLICY } from './policy.ts';

const read = (path: string) => readFileSync(join(import.meta.dirname, path), 'utf8');
const docs = read('../../docs/gifts.md');

it('has the verification of docs/gifts.md, letter by letter', () => {
  const blocks = [...docs.matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code);
  expect(blocks).toContain(read('verified.ts'));
});

it('sends events as docs/gifts.md shows one', () => {
  const [, json] = /```json\n(.*?)```/s.exec(docs) ?? [];
  const { data } = JSON.parse(json!) as GiftEvent;
  const { idempotencyKey: _, ...record } = data;
  const shown = JSON.parse(json!) as GiftEvent;
  const sent = JSON.parse(eventBody(record satisfies LedgerRecord)) as GiftEvent;
  // The key there is that of the jti "a", which signature.test.ts holds for ever.
  const { idempotencyKey } = (JSON.parse(eventBody({ ...record, key: 'a' })) as GiftEvent).data;
  expect(shown).toEqual({ ...sent, data: { ...sent.data, idempotencyKey } });
  expect(Object.keys(shown.data)).toEqual(Object.keys(sent.data));
});

it('gives up when docs/gifts.md says', () => {
  expect(docs).toContain(`\`maxAttempts\` (${DEFAULT_POLICY.maxAttempts},`);
  expect(docs).toContain(`\`deadAfterHours\` (${DEFAULT_POLICY.deadAfterMs / 3_600_000})`);
});
