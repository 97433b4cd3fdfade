import { describe, expect, it } from 'vitest';
import { unexplained } from './differences.ts';
import { fakeAnswers } from './fake-answers.ts';
import { callOf, compare, type DifferenceKind, type Exchange } from './shape.ts';
import { tampered } from './tamper.ts';

const answer = (res: unknown, method = 'GET', path = '/v4/linode/instances/7', status = 200): Exchange => ({
  ...{ method, path, status, res },
});
const real = {
  ...{ id: 1, status: 'running', image: null, created: '2018-01-02T03:04:05', tags: ['a'] },
  specs: { disk: 1, note: 'x' },
};

/** Differences between recorded values and one of the fake, at one call. */
function between(recorded: unknown[], fake: unknown): [string, DifferenceKind][] {
  const { differences } = compare(
    recorded.map((res) => answer(res, 'GET', '/v4beta/linode/instances/123')),
    [answer(fake)],
  );
  return differences.map(({ path, kind }) => [path, kind]);
}

describe('the comparison of answers', () => {
  it('finds nothing where there is nothing', () => {
    expect(between([real], { ...real, id: 2, created: '2026-01-01T00:00:00', tags: ['b'] })).toEqual([]);
  });

  it('finds each kind of difference', () => {
    const { specs, ...noSpecs } = real;
    expect(between([real], noSpecs)).toEqual([['specs', 'missing']]);
    expect(between([real], { ...real, specs: { disk: 1 } })).toEqual([['specs.note', 'missing']]);
    expect(between([real, noSpecs], noSpecs)).toEqual([['specs', 'never']]);
    expect(between([noSpecs], { ...noSpecs, specs })).toEqual([['specs', 'extra']]);
    expect(between([real], { ...real, id: '1' })).toEqual([
      ['id', 'type'],
      ['id', 'narrower'],
    ]);
    expect(between([real], { ...real, tags: null })).toEqual([
      ['tags', 'type'],
      ['tags', 'narrower'],
    ]);
    expect(between([real, { ...real, image: 'linode/debian12' }], real)).toEqual([['image', 'narrower']]);
    expect(between([real], { ...real, status: 'up' })).toEqual([['status', 'word']]);
    expect(between([real], { ...real, created: '2026-01-01T00:00:00Z' })).toEqual([['created', 'format']]);
    expect(between([real], { ...real, tags: [] })).toEqual([['tags[]', 'uncompared']]);
  });

  it('compares prices of rows that both have', () => {
    const rows = (hourly: number) => ({ data: [{ id: 'g6-standard-2', price: { hourly } }] });
    const prices = (hourly: number) => answer(rows(hourly), 'GET', '/v4/linode/types');
    expect(compare([prices(0.036)], [prices(0.036)]).differences).toEqual([]);
    expect(compare([prices(0.036)], [prices(0.035)]).differences).toMatchObject([
      { call: 'GET /linode/types', path: 'data[].price', kind: 'row', recorded: 'g6-standard-2: {"hourly":0.036}' },
    ]);
  });

  it('compares errors of all calls together', () => {
    const error = (res: unknown, status = 404) => answer(res, 'GET', '/v4/account', status);
    const recorded = [error({ errors: [{ reason: 'Not found' }] })];
    expect(compare(recorded, recorded).differences).toEqual([]);
    expect(compare(recorded, [error({ error: 'Not found' })]).differences.map(({ path }) => path)).toEqual([
      'body.errors',
      'body.error',
    ]);
    expect(compare(recorded, [error({ errors: [{ reason: 'Not found' }] }, 410)]).differences).toHaveLength(1);
  });

  it('knows calls by what they ask for', () => {
    expect(callOf({ method: 'GET', path: '/v4beta/linode/types/g6-nanode-1' })).toBe('GET /linode/types/N');
    expect(callOf({ method: 'POST', path: '/v4/images/private/5/regions' })).toBe('POST /images/N/regions');
  });

  it('explains a difference word for word, and knows what explains none', () => {
    const { differences } = compare([answer(real)], [answer({ ...real, status: 'up' })]);
    const row = { calls: ['GET /linode/instances/N'], path: 'status', kind: 'word', fake: 'up', reason: 'x' } as const;
    expect(unexplained(differences, [row])).toEqual({ differences: [], stale: [] });
    expect(unexplained(differences, [{ ...row, fake: 'down' }])).toMatchObject({
      differences: [{ path: 'status' }],
      stale: ['GET /linode/instances/N status word'],
    });
  });
});

describe('what is compared', () => {
  it('is found when a field is gone or of another type', () => {
    const recorded = [answer({ data: [real], page: 1 }, 'GET', '/v4/linode/instances')];
    const all = [...tampered(recorded, ['GET /linode/instances'])];
    expect(all.map(({ path, how }) => `${path} ${how}`)).toContain('data[].specs.disk removed');
    expect(all).toHaveLength(20);
    for (const { answers } of all) expect(compare(recorded, answers).differences.length).toBeGreaterThan(0);
  });

  it('is all that the fake answers: no call fails that is meant to work', () => {
    const answers = fakeAnswers();
    const failed = answers.filter(({ status }) => status >= 400).map(callOf);
    const done = new Set(answers.filter(({ status }) => status < 400).map(callOf));
    expect(done.size).toBe(38);
    // What fails on purpose, and what is looked at after it was deleted.
    expect(failed.filter((call) => !done.has(call))).toEqual([]);
  });
});
