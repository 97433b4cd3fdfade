import { expect, it } from 'vitest';
import { GiftWatch } from './gift-watch.ts';

function watch() {
  const lags: number[] = [];
  return { lags, gifts: new GiftWatch((lagMs) => lags.push(lagMs)) };
}

it('a gift shown once is neither lost nor doubled, and tells its lag', async () => {
  const { gifts, lags } = watch();
  const seen = gifts.submitted('a', 100);
  gifts.acknowledged('a');
  gifts.shown('a', 145);
  await seen;
  expect(lags).toEqual([45]);
  expect(gifts.counts()).toEqual({ lost: 0, doubled: 0, acknowledged: 1 });
});

it('one that is shown again, however late, is doubled', () => {
  const { gifts, lags } = watch();
  void gifts.submitted('a', 0);
  gifts.acknowledged('a');
  gifts.shown('a', 10);
  gifts.shown('a', 60_000);
  expect(lags).toEqual([10]);
  expect(gifts.counts()).toMatchObject({ doubled: 1, lost: 0 });
});

it('one that is acknowledged and never shown is lost; one that is refused is not', () => {
  const { gifts } = watch();
  void gifts.submitted('acknowledged', 0);
  gifts.acknowledged('acknowledged');
  void gifts.submitted('refused', 0);
  expect(gifts.counts()).toEqual({ lost: 1, doubled: 0, acknowledged: 1 });
});

it('gifts of others pass by', () => {
  const { gifts, lags } = watch();
  gifts.shown('of somebody else', 5);
  expect([lags, gifts.counts()]).toEqual([[], { lost: 0, doubled: 0, acknowledged: 0 }]);
});
