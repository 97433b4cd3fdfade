import { describe, expect, it } from 'vitest';
import { manualEnvironment } from '../test/manual-environment.ts';
import { Liveness } from './liveness.ts';

/** A page whose timers run at whole multiples of `everyMs` only, as a hidden one's do. */
function page(everyMs: number) {
  const { clock, nowMs, environment } = manualEnvironment(everyMs);
  let diedMs: number | undefined;
  let still = 0;
  const onDead = () => {
    diedMs = nowMs();
  };
  const liveness = new Liveness(environment, 600, onDead, () => {
    still += 1;
  });
  liveness.start();
  let heardMs = 0;
  /** How long after the last word it counted as dead. */
  const pass = (ms: number, speaks: boolean) => {
    for (let at = 0; at < ms; at += 200) {
      if (speaks) {
        liveness.heard();
        heardMs = nowMs();
      }
      clock.advance(200);
    }
    return diedMs === undefined ? undefined : diedMs - heardMs;
  };
  return { pass, doubt: () => liveness.doubt(), still: () => still };
}

describe('liveness', () => {
  it.each([
    ['a visible page', 1, 600, 602],
    ['a hidden page, timers once a second', 1_000, 1_000, 5_000],
    ['a page hidden for long, timers once a minute', 60_000, 60_000, 241_000],
  ])('%s: a relay that speaks is not dead, one that does not is', (_, everyMs, least, most) => {
    const { pass } = page(everyMs);
    expect(pass(600_000, true)).toBeUndefined();
    const afterMs = pass(600_000, false);
    expect(afterMs).toBeGreaterThanOrEqual(least);
    expect(afterMs).toBeLessThanOrEqual(most);
  });

  it('a path that may be gone is dead within 300 ms, unless something comes', () => {
    const { pass, doubt } = page(1);
    pass(1000, true);
    doubt();
    expect(pass(2000, true)).toBeUndefined();
    doubt();
    expect(pass(1000, false)).toBeLessThanOrEqual(502);
  });

  it('a check that comes late proves nothing about a path that may be gone', () => {
    const { pass, doubt } = page(1000);
    pass(1000, true);
    doubt();
    expect(pass(10_000, true)).toBeUndefined();
  });

  it('tells that this thread stood still, which a hidden page does not', () => {
    const [visible, hidden, stalled] = [page(1), page(1000), page(1000)];
    for (const { pass } of [visible, hidden, stalled]) pass(10_000, true);
    // Neither its timers nor what comes.
    stalled.pass(800, false);
    stalled.pass(400, true);
    expect([visible.still(), hidden.still(), stalled.still()]).toEqual([0, 0, 1]);
  });
});
