import { expect, it } from 'vitest';
import { nearAndFar } from '../test/near-and-far.ts';
import { deliveryStats } from './delivery-stats.ts';

it('counts the viewers whose near livers ride along with far ones', () => {
  const [far, near] = [nearAndFar(), nearAndFar()];
  far.pass(30, [20, 80]);
  near.pass(30, [20, 25]);
  expect(deliveryStats([far.delivery, near.delivery])).toMatchObject({
    riding: 1,
    classes: [
      { voice: 1, viewers: 1 },
      { voice: 3, viewers: 1 },
    ],
  });
});
