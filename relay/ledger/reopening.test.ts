import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HayateError } from '@hayate/codec/errors';
import { afterEach, describe, expect, it } from 'vitest';
import { ledgerError } from './errors.ts';
import { type EndingLedger, MemoryLedger, openSqliteLedger, ReopeningLedger } from './index.ts';

const ticket = (jti: string) => ({
  ...{ jti, room: 'r', sender: 'ann', liver: 'mio', item: 'star', amount: 100, currency: 'JPY', reg: 'jp' },
});

/** A ledger that fails when it is told to. */
class Failing extends MemoryLedger implements EndingLedger {
  #end = Promise.withResolvers<HayateError | undefined>();
  readonly ended = this.#end.promise;

  fail(code: Parameters<typeof ledgerError>[0]): void {
    this.#end.resolve(ledgerError(code, 'told to'));
  }
}

/** Time stands until `next` runs the timer that was set last. */
function reopening(first: EndingLedger, open: () => Promise<EndingLedger>) {
  const told: (string | number | undefined)[][] = [];
  let timer: { run: () => void; ms: number } | undefined;
  const ledger = new ReopeningLedger(first, {
    open,
    onFailed: ({ code }, retryMs) => told.push([code, retryMs]),
    onReopened: () => told.push(['reopened']),
    random: () => 0,
    setTimer: (run, ms) => {
      timer = { run, ms };
      return timer;
    },
    clearTimer: (which) => {
      if (timer === which) timer = undefined;
    },
  });
  const next = () => {
    const { run } = timer!;
    timer = undefined;
    run();
  };
  return { ledger, told, next, waits: () => timer?.ms };
}

describe('a ledger whose disk fails', () => {
  it('is opened again by waits that double, and answers as before', async () => {
    const first = new Failing();
    let tries = 0;
    const { ledger, told, next, waits } = reopening(first, async () => {
      tries += 1;
      if (tries < 8) throw ledgerError(tries % 2 === 0 ? 'ledger_busy' : 'ledger_failed', 'still');
      return new Failing();
    });
    await ledger.claim(ticket('one'), 1);
    expect(ledger.failure).toBeUndefined();
    first.fail('ledger_failed');
    const waited: number[] = [];
    for (let n = 1; n <= 8; n++) {
      await expect.poll(() => told.length).toBe(n);
      expect(ledger.failure).toBeDefined();
      waited.push(waits()!);
      next();
    }
    await expect.poll(() => ledger.failure).toBeUndefined();
    expect(waited).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
    expect(told.at(-1)).toEqual(['reopened']);
    expect(waits()).toBeUndefined();
    // The stand-in begins empty; its counts go on.
    expect(await ledger.claim(ticket('two'), 2)).toMatchObject({ sequence: 1, repeat: false });
    expect(ledger.stats()).toMatchObject({ records: 2 });
  });

  it.each(['ledger_corrupt', 'ledger_version'] as const)('is left alone after %s', async (code) => {
    const first = new Failing();
    const { ledger, told, waits } = reopening(first, async () => new Failing());
    first.fail(code);
    await expect.poll(() => told).toEqual([[code, undefined]]);
    expect([ledger.failure?.code, waits()]).toEqual([code, undefined]);
  });

  it('is not opened again once it is closed, and one that was being opened is closed too', async () => {
    const first = new Failing();
    const opening = Promise.withResolvers<EndingLedger>();
    const { ledger, told, next, waits } = reopening(first, () => opening.promise);
    first.fail('ledger_failed');
    await expect.poll(() => told.length).toBe(1);
    next();
    const closed = ledger.close();
    const late = new Failing();
    opening.resolve(late);
    await closed;
    await expect(late.claim(ticket('one'), 1)).rejects.toMatchObject({ code: 'ledger_closed' });
    expect(waits()).toBeUndefined();
    const second = new Failing();
    const other = reopening(second, async () => new Failing());
    second.fail('ledger_failed');
    await expect.poll(() => other.told.length).toBe(1);
    await other.ledger.close();
    expect(other.waits()).toBeUndefined();
  });
});

describe('on the disk', () => {
  const dir = mkdtempSync(join(tmpdir(), 'hayate-reopening-'));
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it('has what was answered before the failure, and takes no jti twice', async () => {
    const path = join(dir, 'ledger.db');
    const first = await openSqliteLedger({ path });
    const failed = Promise.withResolvers<HayateError | undefined>();
    const dying = new Proxy(first, {
      get: (target, name) => {
        if (name === 'ended') return failed.promise;
        const value = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    }) as EndingLedger;
    const { ledger, told, next } = reopening(dying, () => openSqliteLedger({ path, afterFailure: true }));
    const receipt = await ledger.claim(ticket('one'), 1);
    await first.abort();
    failed.resolve(ledgerError('ledger_failed', 'told to'));
    await expect.poll(() => told.length).toBe(1);
    await expect(ledger.claim(ticket('one'), 2)).rejects.toMatchObject({ retryable: true });
    next();
    await expect.poll(() => told.at(-1)).toEqual(['reopened']);
    expect(await ledger.claim(ticket('one'), 3)).toEqual({ ...receipt, repeat: true });
    expect(await ledger.claim(ticket('two'), 3)).toMatchObject({ sequence: 2, repeat: false });
    await ledger.close();
  });
});
