import { HayateError } from '@hayate/codec/errors';
import { expect, it } from 'vitest';
import { FakeRelay } from '../test/fake-relay.ts';
import { Dialling, type DiallingOptions } from './dialling.ts';

const relays = ['https://a.example/v1', 'https://b.example/v1'].map((url) => ({ relay: { url }, afterMs: 0 }));
const refuse = () => {
  throw new HayateError('invalid_argument', 'not here');
};

function dial(options: Pick<DiallingOptions, 'connector' | 'environment'>) {
  const said: string[] = [];
  const dialling = new Dialling({
    ...{ relays, ...options },
    onOpened: ({ relay }) => said.push(`opened ${relay.url}`),
    onMeasured: () => {},
    onFailed: ({ url }) => said.push(`failed ${url}`),
    onOver: ({ code }) => said.push(`over ${code}`),
  });
  return { said, dialling };
}

it('ends once, and not before it is there, where a connector throws', async () => {
  const { said } = dial({ connector: refuse, environment: new FakeRelay().environment });
  expect(said).toEqual([]);
  await Promise.resolve();
  expect(said).toEqual(['failed https://a.example/v1', 'failed https://b.example/v1', 'over invalid_argument']);
});

it('takes the next one where the connector throws for the best', async () => {
  const fake = new FakeRelay();
  const { said, dialling } = dial({
    connector: (url, options) => (url.includes('a.example') ? refuse() : fake.connector(url, options)),
    environment: fake.environment,
  });
  await fake.advance(50);
  expect(said).toEqual(['failed https://a.example/v1', 'opened https://b.example/v1']);
  dialling.stop();
});
