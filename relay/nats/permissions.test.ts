import { expect, it } from 'vitest';
import { relayPermissions } from './permissions.ts';

it('a relay hears the orders to its own region, and gives none', () => {
  const { publish, subscribe } = relayPermissions('jp', ['jp', 'us']);
  expect(subscribe.filter((subject) => subject.includes('orders'))).toEqual(['hayate.orders.jp.*']);
  expect(publish.filter((subject) => subject.startsWith('hayate.orders') || subject === '>')).toEqual([]);
});
