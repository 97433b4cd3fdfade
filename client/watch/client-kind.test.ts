import { expect, it } from 'vitest';
import { clientKind } from './client-kind.ts';

const AGENTS: [agent: string, family: string | undefined][] = [
  ['Node.js/24', 'node'],
  ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'firefox'],
  [
    'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0 Mobile Safari/537.36',
    'chromium',
  ],
  [
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.4 Mobile/15E148 Safari/604.1',
    'safari',
  ],
  ['curl/8', undefined],
];

it.each(AGENTS)('calls %s %s', (userAgent, family) => {
  expect(clientKind({ userAgent }).browser).toBe(family);
});

it('names the network where the browser tells', () => {
  expect(clientKind({ userAgent: '', connection: { type: 'wifi' } })).toEqual({ network: 'wifi' });
  expect(clientKind({})).toEqual({});
  expect(clientKind(null)).toEqual({});
});
