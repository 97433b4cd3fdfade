import { expect, it } from 'vitest';
import { committed, withMetrics } from './metrics-docs.ts';

it('docs/operations.md has each metric of a relay and of the fleet, and no other', async () => {
  expect(committed()).toBe(await withMetrics(committed()));
});
