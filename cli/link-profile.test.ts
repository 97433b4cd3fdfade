import { describe, expect, it } from 'vitest';
import { parseLink, parseLinkProfile } from './link-profile.ts';

describe('link profile', () => {
  it('reads every key', () => {
    expect(
      parseLinkProfile('delay=35,jitter=5,loss=2%,burst=1000/30,rate=2000,queue=50,reorder=1%,dup=0.5%,seed=7'),
    ).toEqual({
      delayMs: 35,
      jitterMs: 5,
      loss: 0.02,
      burst: { goodMs: 1000, badMs: 30 },
      rateKbps: 2000,
      queueMs: 50,
      reorder: 0.01,
      duplicate: 0.005,
      seed: 7,
    });
  });

  it('takes a bare loss as percent', () => {
    expect(parseLinkProfile('loss=2')).toEqual(parseLinkProfile('loss=2%'));
  });

  it('puts one profile on both ways, with unlike seeds', () => {
    expect(parseLink('delay=35,seed=7')).toEqual({ tx: { delayMs: 35, seed: 7 }, rx: { delayMs: 35, seed: 8 } });
  });

  it('tells up from down, in any order, and one alone', () => {
    expect(parseLink('down:delay=10; up:delay=60')).toEqual({ tx: { delayMs: 60 }, rx: { delayMs: 10 } });
    expect(parseLink('up:loss=1%')).toEqual({ tx: { loss: 0.01 } });
  });

  it.each([
    ['', '"" is not key=value'],
    ['delay', '"delay" is not key=value'],
    ['delay=', '"delay=" is not key=value'],
    ['delay=35=6', '"delay=35=6" is not key=value'],
    ['delay=35,delay=36', 'delay is given twice'],
    ['lag=35', 'unknown key "lag"'],
    ['delay=-1', 'delay wants a number from 0 to 10000, not "-1"'],
    ['delay=1e3', 'not "1e3"'],
    ['loss=101%', 'loss wants a number from 0 to 100'],
    ['burst=1000', 'burst (bad) wants a number'],
    ['burst=1/2/3', 'burst wants GOOD_MS/BAD_MS'],
    ['rate=0', 'rate wants a number from 1'],
    ['seed=1.5', 'seed wants a whole number'],
    ['delay=2,jitter=5', 'jitter is more than delay'],
    ['delay=1;delay=2', 'prefixes up: and down:'],
    ['up:delay=1;delay=2', 'every part has a prefix'],
    ['up:delay=1;up:delay=2', 'up: is given twice'],
  ])('refuses %j', (text, why) => {
    expect(() => parseLink(text)).toThrow(
      expect.objectContaining({ code: 'invalid_argument', message: expect.stringContaining(why) }),
    );
  });
});
