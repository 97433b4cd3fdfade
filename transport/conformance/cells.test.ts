import { expect, test } from 'vitest';
import { memory } from './bodies/memory.ts';
import { cases } from './cases.ts';
import { runTable } from './cells.ts';
import type { Body } from './run.ts';

const wanted = cases.filter(({ id }) => ['close-by-client', 'bidi-by-client'].includes(id));

/** Memory whose client's half gives what `answer` makes of it. */
const broken = (name: string, answer: (id: string, given: unknown) => unknown): Body => ({
  ...memory,
  name,
  async start() {
    const running = await memory.start();
    return {
      make: 'a broken one 1.0',
      close: () => running.close(),
      async open(settings, path) {
        const fixture = await running.open(settings, path);
        return { ...fixture, runClient: async (id) => answer(id, await fixture.runClient(id)) };
      },
    };
  },
});

test('what passes, fails and cannot run stands in the table as that, with its reason', async () => {
  const liar = broken('liar', (id, given) => {
    if (id === 'bidi-by-client') throw new Error('a byte differs');
    return given;
  });
  const nowhere: Body = { ...memory, name: 'nowhere', unavailable: () => 'not installed' };
  const lame: Body = { ...memory, name: 'lame', lacks: { ...memory.lacks, pinning: 'it has no certificates' } };
  const pinned = cases.find(({ needs }) => needs?.includes('pinning'))!;
  const { cells, makes } = await runTable([memory, liar, nowhere, lame], [...wanted, pinned]);
  const results = Object.fromEntries(
    cells.map(({ body, case: id, result, reason }) => [`${body} ${id}`, [result, reason]]),
  );
  expect(results['memory bidi-by-client']).toEqual(['passed', undefined]);
  expect(results['liar bidi-by-client']).toEqual(['failed', 'client: a byte differs']);
  expect(results['liar close-by-client']).toEqual(['passed', undefined]);
  expect(results['nowhere close-by-client']).toEqual(['skipped', 'not installed']);
  expect(results[`lame ${pinned.id}`]).toEqual(['skipped', 'it has no certificates']);
  expect(makes).toEqual({ liar: 'a broken one 1.0' });
});
