import { expect, it } from 'vitest';
import { currentPlanFigures, renderPlanFigures } from './plan-figures.ts';

it('fleet/budget/measured.json is what the committed results of lag.1 and fleet.1 say', () => {
  expect(currentPlanFigures()).toBe(renderPlanFigures());
});
