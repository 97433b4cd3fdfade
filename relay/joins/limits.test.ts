import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../config/load.ts';
import { bodies } from '../test/bodies.ts';
import { addressKey } from './address.ts';
import { JoinLimits, joinLimits } from './limits.ts';

describe('an address', () => {
  it.each([
    ['203.0.113.7:443', '203.0.113.7'],
    ['203.0.113.7', '203.0.113.7'],
    ['[::ffff:203.0.113.7]:443', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['[2001:db8:1:2:3:4:5:6]:443', '2001:db8:1:2::/64'],
    ['[2001:db8:1:2::]:443', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002::9', '2001:db8:1:2::/64'],
    ['[2001:db8::1]:443', '2001:db8:0:0::/64'],
    ['[1::2:3:4:5:6:7]:1', '1:0:2:3::/64'],
    ['[::1]:443', '0:0:0:0::/64'],
    ['[64:ff9b::203.0.113.7]:1', '64:ff9b:0:0::/64'],
    ['[fe80::1%eth0]:1', 'fe80:0:0:0::/64'],
    ['memory', 'memory'],
  ])('%s is of %s', (remote, key) => {
    expect(addressKey(remote)).toBe(key);
  });
});

describe('limits', () => {
  const options = { perSecond: 2, burst: 3, perSubject: 2 };

  it('let an address come so often, and others meanwhile', () => {
    const limits = new JoinLimits(options);
    const come = (nowMs: number, port = 1) => limits.connect(`198.51.100.1:${port}`, nowMs);
    expect([come(0, 1), come(0, 2), come(0, 3), come(0, 4)]).toEqual([true, true, true, false]);
    expect(limits.connect('198.51.100.2:1', 0)).toBe(true);
    expect([come(499), come(500), come(500), come(1000)]).toEqual([false, true, false, true]);
    expect(limits.connect(undefined, 1000)).toBe(true);
  });

  it('give one household one bucket', () => {
    const limits = new JoinLimits(options);
    const come = (host: number) => limits.connect(`[2001:db8::${host}]:1`, 0);
    expect([come(1), come(2), come(3), come(4)]).toEqual([true, true, true, false]);
  });

  it('may be off', () => {
    const limits = new JoinLimits({ perSecond: 0, burst: 1, perSubject: 0 });
    for (let n = 0; n < 100; n++) expect([limits.connect('a:1', 0), limits.enter('ann')]).toEqual([true, true]);
    expect(limits.stats().addresses).toBe(0);
  });

  it('forget who has not come for as long as a bucket takes to fill, and never more than is known', () => {
    const limits = new JoinLimits(options);
    for (let n = 0; n < 100; n++) limits.connect(`10.0.0.${n}:1`, n);
    expect(limits.stats().addresses).toBe(100);
    for (let n = 0; n < 60; n++) limits.connect(`10.0.1.${n}:1`, 2000);
    expect(limits.stats().addresses).toBe(60);
    for (let n = 0; n < 70_000; n++) limits.connect(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}:1`, 2000);
    expect(limits.stats().addresses).toBe(65_536);
    // Who is forgotten early begins anew, which a full bucket would have allowed as well.
    expect(limits.connect('10.0.0.0:1', 2000)).toBe(true);
  });

  it('count the sessions of each person, and return to zero', () => {
    const step = fc.tuple(fc.constantFrom('ann', 'bo', 'cy'), fc.boolean());
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const limits = new JoinLimits(options);
        const here: string[] = [];
        for (const [sub, comes] of steps) {
          const count = here.filter((each) => each === sub).length;
          if (comes) {
            expect(limits.enter(sub)).toBe(count < 2);
            if (count < 2) here.push(sub);
          } else if (count > 0) {
            limits.leave(sub);
            here.splice(here.indexOf(sub), 1);
          }
          expect(limits.stats().subjects).toBe(new Set(here).size);
        }
        for (const sub of here) limits.leave(sub);
        expect(limits.stats().subjects).toBe(0);
      }),
      { seed: 20_261_129, numRuns: 300 },
    );
  });
});

describe('a relay', () => {
  it('has limits unless it is for development', () => {
    expect(joinLimits(parseConfig({}))).toEqual({ perSecond: 20, burst: 300, perSubject: 10 });
    expect(joinLimits(parseConfig({ dev: true }))).toEqual({ perSecond: 0, burst: 300, perSubject: 0 });
    const joins = { perSecond: 5, perSubject: 2 };
    expect(joinLimits(parseConfig({ dev: true, joins }))).toEqual({ perSecond: 5, burst: 300, perSubject: 2 });
  });

  it('ends sessions over them with `rate_limited`, and takes new ones when others have gone', async () => {
    const rig = await bodies[0]!.start({ joins: { perSecond: 0.01, burst: 4, perSubject: 1 } });
    try {
      const first = await rig.join({ sub: 'ann' });
      const second = await rig.connect();
      await second.open({ t: 'hello', v: 1, token: await rig.token({ sub: 'ann', room: 'other' }) });
      expect(await second.ended()).toMatchObject({ closeCode: 401 });
      first.session.close();
      await first.ended();
      await expect.poll(async () => (await rig.relay.stats()).sessions).toBe(0);
      await rig.join({ sub: 'ann' });
      await rig.join({ sub: 'bo' });
      expect(await (await rig.connect()).ended()).toMatchObject({ closeCode: 401 });
      expect((await rig.relay.stats()).refused).toEqual({ rate_limited: 2 });
      const metrics = await (await fetch(rig.relay.metricsAddress)).text();
      for (const by of ['address', 'subject']) expect(metrics).toContain(`hayate_joins_limited_total{by="${by}"} 1`);
    } finally {
      await rig.close();
    }
  });
});
