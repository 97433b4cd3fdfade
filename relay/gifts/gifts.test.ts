import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeMessage, MessageReader } from '@hayate/codec/messages';
import { decodeJwt } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ledgerError } from '../ledger/errors.ts';
import { type GiftTicket, type Ledger, MemoryLedger } from '../ledger/index.ts';
import { bodies, type Rig } from '../test/bodies.ts';

/** A ledger that can be held up before it commits, and between the commit and its answer. */
class HeldLedger extends MemoryLedger {
  beforeCommit: Promise<void> | undefined;
  beforeAnswer: Promise<void> | undefined;
  claims = 0;
  reads = 0;

  override async claim(...args: Parameters<Ledger['claim']>) {
    this.claims += 1;
    await this.beforeCommit;
    const receipt = await super.claim(...args);
    await this.beforeAnswer;
    return receipt;
  }

  override async resume(...args: Parameters<Ledger['resume']>) {
    this.reads += 1;
    return super.resume(...args);
  }
}

for (const body of bodies) {
  describe(`gifts over ${body.name}`, () => {
    let rig: Rig;
    beforeEach(async ({ skip }) => {
      if (body.missing) skip(body.missing);
      rig = await body.start({ gifts: { perSecond: 1000, burst: 1000 } });
    });
    afterEach(() => rig?.close());

    const join = async (sub: string, after?: number) => {
      const client = await rig.join({ sub, name: sub.toUpperCase() });
      expect(await client.openGifts(after)).toMatchObject({ t: 'gifts' });
      return client;
    };

    it('answers when it is durable, and shows it to everybody who listens, the giver included', async () => {
      const [ann, bo] = [await join('ann'), await join('bo')];
      const deaf = await rig.join();
      const ticket = await rig.ticket({ jti: 'one' });
      const answer = await ann.gift(ticket);
      expect(answer).toMatchObject({ t: 'gifted', n: 1, gift: 1, repeat: false });
      expect(await rig.relay.ledger!.find('one')).toMatchObject({ sequence: 1, sender: 'ann', amount: 100 });
      const { at } = answer as { at: number };
      const gift = { liver: 'mio', item: 'star', amount: 100, currency: 'JPY' };
      const record = { t: 'gift', n: 1, kind: 'gift', jti: 'one', sub: 'ann', name: 'ANN', ...gift, at };
      for (const client of [ann, bo]) {
        await client.until(() => client.records().length > 0, 'the record');
        expect(client.records()).toEqual([record]);
      }
      // The giver waits for no room, however many there are to show it to.
      expect(ann.gifts.map(({ t }) => t)).toEqual(['gifts', 'gifted', 'gift']);
      expect(deaf.gifts).toEqual([]);
    });

    it('sends the packets of gifts twice where the body can', async () => {
      const repeated = async () => {
        const page = await (await fetch(rig.relay.metricsAddress)).text();
        return Number(/^hayate_repeated_bytes_total (\d+)/m.exec(page)?.[1]);
      };
      const ann = await rig.join({ sub: 'ann' });
      // No comments stream: its packets leave twice too while nothing is known of the path.
      expect(await repeated()).toBe(0);
      await ann.openGifts();
      const without = await repeated();
      expect(await ann.gift(await rig.ticket())).toMatchObject({ t: 'gifted' });
      if (body.name === 'engine') await expect.poll(repeated).toBeGreaterThan(without);
      else expect(await repeated()).toBe(0);
    });

    it('gives a repeat the first answer, on any session, and shows it once', async () => {
      const ann = await join('ann');
      const ticket = await rig.ticket();
      const first = await ann.gift(ticket);
      const { id: _, ...same } = first as { id: number };
      expect(await ann.gift(ticket)).toMatchObject({ ...same, repeat: true });
      ann.session.close();
      const again = await join('ann', 0);
      expect(await again.gift(ticket)).toMatchObject({ ...same, repeat: true });
      expect(await again.gift(await rig.ticket())).toMatchObject({ n: 2, repeat: false });
      await again.until(() => again.records().length >= 2, 'both');
      expect(again.records().map(({ n }) => n)).toEqual([1, 2]);
    });

    it('resumes after a sequence, over many pages, then live, in order and each once', async () => {
      const ann = await join('ann');
      const ids = await Promise.all(Array.from({ length: 300 }, async () => ann.submit(await rig.ticket())));
      await Promise.all(ids.map((id) => ann.answered(id)));
      const bo = await join('bo', 17);
      expect(bo.gifts[0]).toEqual({ t: 'gifts', after: 17 });
      for (let n = 0; n < 5; n++) ann.submit(await rig.ticket());
      await bo.until(() => bo.records().length >= 288, 'all records');
      expect(bo.records().map(({ n }) => n)).toEqual(Array.from({ length: 288 }, (_, n) => n + 18));
      const ahead = await join('cy', 1000);
      expect(ahead.gifts[0]).toEqual({ t: 'gifts', after: 305 });
    });
  });
}

describe('gifts', () => {
  let rig: Rig;
  let ledger: HeldLedger;
  beforeEach(async () => {
    ledger = new HeldLedger();
    rig = await bodies[0]!.start({}, { ledger });
  });
  afterEach(() => rig.close());

  const join = async (sub = 'ann', after?: number) => {
    const client = await rig.join({ sub });
    await client.openGifts(after);
    return client;
  };

  it('are neither answered nor shown before they are durable', async () => {
    const [ann, bo] = [await join(), await join('bo')];
    const disk = Promise.withResolvers<void>();
    ledger.beforeCommit = disk.promise;
    const id = ann.submit(await rig.ticket({ jti: 'held' }));
    await expect.poll(() => ledger.claims).toBe(1);
    for (const client of [ann, bo]) {
      expect(await client.gift('bad')).toMatchObject({ code: 'ticket_invalid' });
      expect(client.gifts.filter(({ t }) => t === 'gifted' || t === 'gift')).toEqual([]);
    }
    disk.resolve();
    expect(await ann.answered(id)).toMatchObject({ t: 'gifted', n: 1, repeat: false });
    await bo.until(() => bo.records().length > 0, 'the record');
  });

  it('whose answer was lost with the session are answered again, and shown once', async () => {
    const [ann, bo] = [await join(), await join('bo')];
    const disk = Promise.withResolvers<void>();
    ledger.beforeAnswer = disk.promise;
    const ticket = await rig.ticket({ jti: 'held' });
    ann.submit(ticket);
    await expect.poll(() => ledger.find('held')).toBeDefined();
    // Committed, not acknowledged: the giver dies here.
    rig.cut!(ann);
    await ann.ended();
    ledger.beforeAnswer = undefined;
    disk.resolve();
    const again = await join('ann', 0);
    expect(await again.gift(ticket)).toMatchObject({ t: 'gifted', n: 1, repeat: true });
    expect(await again.gift(await rig.ticket({ jti: 'next' }))).toMatchObject({ n: 2 });
    for (const client of [again, bo]) {
      await client.until(() => client.records().length > 1, 'the records');
      expect(client.records().map(({ jti }) => jti)).toEqual(['held', 'next']);
    }
  });

  it('show voids and refunds too, also those that another process wrote', async () => {
    const ann = await join();
    await ann.gift(await rig.ticket({ jti: 'one' }));
    await ledger.amend({ kind: 'refund', key: 'r1', gift: 'one', amount: 40, reason: 'late' }, 5);
    await ledger.amend({ kind: 'refund', key: 'r2', gift: 'one', amount: 60, reason: 'late' }, 6);
    await ann.until(() => ann.records().length >= 3, 'the refunds');
    expect(ann.records().slice(1)).toMatchObject([
      { n: 2, kind: 'refund', jti: 'r1', of: 'one', amount: 40, sub: 'ann', item: 'star' },
      { n: 3, kind: 'refund', jti: 'r2', of: 'one', amount: 60 },
    ]);
    expect(await ann.gift(await rig.ticket())).toMatchObject({ n: 4 });
  });

  it('wait in the ledger for who reads slowly, not in memory', async () => {
    const ann = await join();
    const deaf = await rig.join({ sub: 'deaf' });
    const stream = await deaf.session.openBidirectional();
    await stream.writable.getWriter().write(encodeMessage({ t: 'gifts', after: 0 }));
    const gift = { ...decoded(await rig.ticket()), item: 'a long name '.repeat(10) };
    const total = 2000;
    for (let n = 0; n < total; n++) await ledger.claim({ ...gift, jti: `g${n}` }, 1);
    await ann.until(() => ann.records().length >= total, 'all records');
    // What the deaf one has not read is nowhere but in the ledger: it must be read from there.
    const before = ledger.reads;
    const reader = new MessageReader({ from: 'relay' });
    const seen: number[] = [];
    const bytes = stream.readable.getReader();
    while (seen.length < total) {
      reader.push((await bytes.read()).value!);
      for (let m = reader.next(); m; m = reader.next()) if (m.t === 'gift') seen.push(m.n!);
    }
    expect(seen).toEqual(Array.from({ length: total }, (_, n) => n + 1));
    expect(ledger.reads - before).toBeGreaterThan(5);
    expect(deaf.end).toBeUndefined();
  }, 20_000);

  it.each([
    ['ticket_invalid', async () => 'not a ticket'],
    ['ticket_invalid', async () => 'x'.repeat(5000)],
    ['ticket_invalid', () => rig.token({ sub: 'ann' })],
    ['ticket_invalid', () => rig.ticket({ amount: 1.5 })],
    ['ticket_invalid', () => rig.ticket({ currency: 'yen' })],
    ['ticket_invalid', async () => `${(await rig.ticket()).slice(0, -4)}AAAA`],
    ['ticket_expired', () => rig.ticket({ nowMs: Date.now() - 3_600_000 })],
    ['ticket_not_yet_valid', () => rig.ticket({ nowMs: Date.now() + 3_600_000 })],
    ['wrong_room', () => rig.ticket({ room: 'another' })],
    ['wrong_sender', () => rig.ticket({ sub: 'bo' })],
    ['wrong_region', () => rig.ticket({ reg: 'us' })],
  ])('are refused with %s', async (code, make) => {
    const ann = await join();
    expect(await ann.gift(await make())).toMatchObject({ t: 'error', code, retryable: false });
    expect(ledger.stats().records).toBe(0);
    // The session and its stream go on.
    expect(await ann.gift(await rig.ticket())).toMatchObject({ t: 'gifted', n: 1 });
    expect((await rig.relay.stats()).refused).toEqual({ [code]: 1 });
  });

  it('that expired get the first answer when they were claimed before, and a conflict stays one', async () => {
    const ann = await join();
    const old = { jti: 'old', nowMs: Date.now() - 3_600_000 };
    const ticket = await rig.ticket(old);
    expect(await ann.gift(ticket)).toMatchObject({ code: 'ticket_expired' });
    const first = await ledger.claim({ ...decoded(ticket) }, 7);
    expect(await ann.gift(ticket)).toMatchObject({ t: 'gifted', n: first.sequence, at: 7, repeat: true });
    expect(await ann.gift(await rig.ticket({ ...old, amount: 5 }))).toMatchObject({ code: 'gift_conflict' });
  });

  it('never take a ticket for a token', async () => {
    const client = await rig.connect();
    await client.open({ t: 'hello', v: 1, token: await rig.ticket() });
    expect(await client.ended()).toMatchObject({ closeCode: 201 });
  });

  it('are limited, and checking a flood of bad ones is too', async () => {
    const ann = await join();
    const ids = Array.from({ length: 40 }, () => ann.submit('bad'));
    const answers = await Promise.all(ids.map((id) => ann.answered(id)));
    const codes = answers.map((m) => (m as { code: string }).code);
    expect(codes.filter((code) => code === 'ticket_invalid')).toHaveLength(10);
    expect(codes.filter((code) => code === 'rate_limited')).toHaveLength(30);
    expect(await ann.gift(await rig.ticket())).toMatchObject({ code: 'rate_limited', retryable: true });
    const bo = await join('bo');
    expect(await bo.gift(await rig.ticket({ sub: 'bo' }))).toMatchObject({ t: 'gifted' });
    const many = await Promise.all(Array.from({ length: 60 }, async () => bo.submit(await rig.ticket({ sub: 'bo' }))));
    const replies = await Promise.all(many.map((id) => bo.answered(id)));
    expect(replies.filter(({ t }) => t === 'error').length).toBeGreaterThan(0);
    expect(bo.end).toBeUndefined();
  });

  it('say so when the ledger does not answer, and go on when it does', async () => {
    const ann = await join();
    const claim = ledger.claim.bind(ledger);
    for (const [inside, outside] of [
      ['ledger_overloaded', 'ledger_overloaded'],
      ['ledger_full', 'ledger_unavailable'],
      ['ledger_failed', 'ledger_unavailable'],
      ['ledger_corrupt', 'ledger_unavailable'],
    ] as const) {
      ledger.claim = async () => {
        throw ledgerError(inside, 'as scripted');
      };
      expect(await ann.gift(await rig.ticket())).toMatchObject({ t: 'error', code: outside, retryable: true });
    }
    ledger.claim = claim;
    expect(await ann.gift(await rig.ticket())).toMatchObject({ t: 'gifted' });
  });
});

describe('a relay without gifts', () => {
  it('says so', async () => {
    const rig = await bodies[0]!.start({ gifts: { enabled: false } });
    try {
      const ann = await rig.join({ sub: 'ann' });
      expect(await ann.openGifts()).toMatchObject({ t: 'error', code: 'gifts_off', retryable: false });
      expect(await ann.gift('x')).toMatchObject({ t: 'error', code: 'gifts_off' });
      expect(ann.end).toBeUndefined();
    } finally {
      await rig.close();
    }
  });
});

describe('a relay that is started again', () => {
  it('answers what it had on its disk, and its viewers go on where they were', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'hayate-gifts-'));
    const gifts = { ledgerFile: join(dir, 'ledger.db') };
    try {
      const first = await bodies[0]!.start({ gifts });
      const ann = await first.join({ sub: 'ann' });
      await ann.openGifts();
      expect(await ann.gift(await first.ticket({ jti: 'one' }))).toMatchObject({ n: 1, gift: 1 });
      await first.close();
      const second = await bodies[0]!.start({ gifts });
      const again = await second.join({ sub: 'ann' });
      await again.openGifts(0);
      // Another key, the same gift: the answer is the first one.
      expect(await again.gift(await second.ticket({ jti: 'one' }))).toMatchObject({ n: 1, gift: 1, repeat: true });
      expect(await again.gift(await second.ticket({ jti: 'two' }))).toMatchObject({ n: 2, gift: 2, repeat: false });
      await again.until(() => again.records().length >= 2, 'both');
      expect(again.records().map(({ jti }) => jti)).toEqual(['one', 'two']);
      await second.close();
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

function decoded(ticket: string): GiftTicket {
  const { sub, jti, room, liver, item, amount, currency, reg } = decodeJwt<Omit<GiftTicket, 'jti'>>(ticket);
  return { jti: jti!, sender: sub!, room, liver, item, amount, currency, reg };
}
