import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CertificateKeeper } from './keeper.ts';

const DAY_MS = 24 * 3600_000;
const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const START_MS = 1_800_000_000_000;

/** Time that stands until it is moved. */
class HeldClock {
  now = START_MS;
  #timers: { atMs: number; callback: () => void }[] = [];
  nowMs = () => this.now;
  after = (ms: number, callback: () => void) => {
    const timer = { atMs: this.now + ms, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer);
    };
  };
  get nextMs(): number | undefined {
    return this.#timers[0] && this.#timers[0].atMs - this.now;
  }
  /** Goes to the next timer; its work has ended when it waits again. */
  async next(): Promise<void> {
    const timer = this.#timers.shift()!;
    this.now = timer.atMs;
    timer.callback();
    while (this.#timers.length === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

async function pairOf(names: string[], fromMs: number, days: number) {
  const keys = await crypto.subtle.generateKey(EC, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${names[0]}`,
    notBefore: new Date(fromMs),
    notAfter: new Date(fromMs + days * DAY_MS),
    signingAlgorithm: EC,
    keys,
    extensions: [new SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns' as const, value })))],
  });
  return { cert: certificate.toString('pem'), key: `key of ${fromMs}` };
}

let dir: string;
let clock: HeldClock;
let orders: string[];
let broken: boolean;
let accounts: number;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hayate-keeper-'));
  clock = new HeldClock();
  orders = [];
  broken = false;
  accounts = 0;
});
afterEach(() => rmSync(dir, { recursive: true }));

function keeper(names = ['*.example.com']): CertificateKeeper {
  return new CertificateKeeper({
    ...{ dir, names, clock, random: () => 0.5, log: pino({ level: 'silent' }) },
    accountFile: 'account.json',
    async openAccount() {
      accounts += 1;
      return { key: 'its key', url: `account ${accounts}` };
    },
    async order({ url }) {
      orders.push(url);
      if (broken) throw new Error('the authority is away');
      return pairOf(names, clock.now, 90);
    },
  });
}

describe('the keeper of a certificate', () => {
  it('orders at once, and again when a third of its life is left', async () => {
    const kept = keeper();
    kept.start();
    expect(kept.pair).toBeUndefined();
    await clock.next();
    expect(kept.pair?.key).toBe(`key of ${START_MS}`);
    expect(kept.dueMs).toBe(START_MS + 60 * DAY_MS);
    while (orders.length < 2) await clock.next();
    expect(clock.now).toBe(START_MS + 60 * DAY_MS);
    expect(orders).toEqual(['account 1', 'account 1']);
    kept.stop();
    expect(clock.nextMs).toBeUndefined();
  });

  it('keeps the one it has while the authority is away, and asks less and less often', async () => {
    const kept = keeper();
    kept.start();
    await clock.next();
    broken = true;
    while (orders.length < 2) await clock.next();
    expect(kept.pair?.key).toBe(`key of ${START_MS}`);
    const waits: number[] = [];
    for (let n = 0; n < 9; n += 1) {
      waits.push(clock.nextMs! / 60_000);
      await clock.next();
    }
    expect(waits).toEqual([5, 10, 20, 40, 80, 160, 320, 360, 360]);
    broken = false;
    await clock.next();
    expect(kept.pair?.key).toBe(`key of ${clock.now}`);
  });

  it('takes up what it had, unless it has other names by now', async () => {
    const first = keeper();
    first.start();
    await clock.next();
    first.stop();
    const again = keeper();
    expect(again.pair).toEqual(first.pair);
    expect(again.dueMs).toBe(START_MS + 60 * DAY_MS);
    expect(keeper(['*.example.com', 'example.com']).dueMs).toBe(0);
    expect(accounts).toBe(1);
  });
});
