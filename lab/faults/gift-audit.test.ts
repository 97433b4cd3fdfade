import type { GiftTicket, LedgerRecord } from '@hayate/relay/ledger';
import { MemoryLedger } from '@hayate/relay/ledger';
import { idempotencyKey } from '@hayate/relay/webhook';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Delivered } from '../lib/app-backend.ts';
import type { Acked } from './audit.ts';
import { auditGifts } from './gift-audit.ts';

const NONE = { lost: 0, doubled: 0, reordered: 0, webhook_missing: 0 };

interface Evidence {
  records: LedgerRecord[];
  acked: Acked[];
  shown: { room: string; gifts: { number: number; jti: string }[] }[];
  delivered: Delivered[];
}

let evidence: Evidence;

beforeEach(async () => {
  const ledger = new MemoryLedger();
  const acked: Acked[] = [];
  for (let n = 0; n < 8; n++) {
    const gift = { jti: `jti-${n}`, room: `room-${n % 2}`, sender: 'ann', liver: 'mio', item: 'star' };
    const ticket: GiftTicket = { ...gift, amount: 100, currency: 'JPY', reg: 'jp' };
    acked.push({ ticket, receipt: await ledger.claim(ticket, 1000 + n) });
  }
  const records = await ledger.since(0, 100);
  const seen = (room: string) =>
    records.filter((each) => each.room === room).map(({ sequence, key }) => ({ number: sequence!, jti: key }));
  const shown = ['room-0', 'room-0', 'room-1'].map((room) => ({ room, gifts: seen(room) }));
  const delivered = records.map((each) => {
    const id = idempotencyKey(each);
    return { id, data: { ...each, idempotencyKey: id } };
  });
  evidence = { records, acked, shown, delivered };
});

const faults: [string, Partial<typeof NONE>, (e: Evidence) => void][] = [
  ['an acked record that the ledger lost', { lost: 1 }, (e) => e.records.splice(7, 1)],
  [
    'an answer that named another place',
    { lost: 1 },
    (e) => {
      e.acked[3]!.receipt.sequence! += 1;
    },
  ],
  ['a client that was never shown the last one', { lost: 1 }, (e) => e.shown[0]!.gifts.pop()],
  ['a client that was shown one twice', { doubled: 1 }, (e) => e.shown[1]!.gifts.push(e.shown[1]!.gifts[3]!)],
  [
    'a jti with two records',
    { doubled: 1 },
    (e) => {
      e.records.push({ ...e.records[6]!, id: 9, sequence: 5 });
    },
  ],
  [
    'a record delivered under two webhook ids',
    { doubled: 1 },
    (e) => {
      e.delivered.push({ ...e.delivered[0]!, id: 'another' });
    },
  ],
  [
    'two shown the wrong way round',
    { reordered: 3 },
    (e) => {
      const { gifts } = e.shown[2]!;
      [gifts[1], gifts[2]] = [gifts[2]!, gifts[1]!];
    },
  ],
  [
    'another gift in a place than the ledger has',
    { reordered: 1, lost: 1 },
    (e) => {
      e.shown[0]!.gifts[1] = { number: 2, jti: 'other' };
    },
  ],
  ['a gap in what was shown', { reordered: 1, lost: 1 }, (e) => e.shown[0]!.gifts.splice(1, 1)],
  ['a record that was never delivered', { webhook_missing: 1 }, (e) => e.delivered.splice(2, 1)],
  [
    'a record that was delivered with another amount',
    { webhook_missing: 1 },
    (e) => {
      e.delivered[2]!.data.amount = 1;
    },
  ],
  [
    'a record that was delivered before the one in front of it',
    { webhook_missing: 1 },
    (e) => {
      e.delivered.push(...e.delivered.splice(4, 1));
    },
  ],
];

describe('the audit of gifts', () => {
  it('finds nothing where all is as it should be, repeated deliveries included', () => {
    evidence.delivered.push(evidence.delivered[0]!);
    expect(auditGifts(evidence)).toEqual(NONE);
  });

  it.each(faults)('finds %s', (_, found, spoil) => {
    spoil(evidence);
    expect(auditGifts(evidence)).toMatchObject(found);
  });
});
