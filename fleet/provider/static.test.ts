import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryStore } from '../store/store.ts';
import { staticProvider } from './static.ts';

const TAGS = ['fleet'];
let folder: string;
let store: MemoryStore;
let nowMs: number;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hayate-static-'));
  store = new MemoryStore();
  nowMs = 1000;
  return () => rmSync(folder, { recursive: true, force: true });
});

/** Commands write what they are told; `failing` makes them fail. */
function rack() {
  const log = join(folder, 'log');
  const failing = join(folder, 'failing');
  writeFileSync(log, '');
  const command = (verb: string) => ['/bin/sh', '-c', `echo "$@" >> ${log}; test ! -e ${failing}`, 'sh', verb];
  const provider = staticProvider({
    ...{ name: 'rack', labelPrefix: 'hayate-', store, nowMs: () => nowMs },
    machines: [
      { name: 'm1', zone: 'one', address: '192.0.2.1' },
      { name: 'm2', zone: 'one', address: '192.0.2.2' },
      { name: 'm3', zone: 'two', address: '192.0.2.3' },
    ],
    take: [...command('take'), '{machine}', '{address}', '{id}', '{region}'],
    release: [...command('release'), '{machine}', '{id}'],
    probe: ['/bin/sh', '-c', `test ! -e ${join(folder, 'dark')}`],
  });
  const file = (name: string) => ({
    make: () => writeFileSync(join(folder, name), ''),
    remove: () => rmSync(join(folder, name)),
  });
  return {
    provider,
    said: () => readFileSync(log, 'utf8').trim().split('\n'),
    failing: file('failing'),
    dark: file('dark'),
    create: (label: string, zone = 'one') => provider.create({ label: `hayate-${label}`, zone, tags: TAGS }),
  };
}

describe('machines that are there anyway', () => {
  it('a free one of the zone is taken into service, and given back', async () => {
    const { provider, create, said } = rack();
    expect(await create('jp-f-1', 'two')).toMatchObject({ id: 'm3', label: 'hayate-jp-f-1', zone: 'two' });
    expect(await create('jp-f-2', 'two')).toMatchObject({ id: 'm1', zone: 'one' });
    expect(said()).toEqual(['take m3 192.0.2.3 jp-f-1 jp', 'take m1 192.0.2.1 jp-f-2 jp']);
    expect((await provider.machines('fleet')).map(({ id }) => id).sort()).toEqual(['m1', 'm3']);
    expect(await provider.machines('another')).toEqual([]);
    await provider.remove('m3');
    expect(said().at(-1)).toBe('release m3 jp-f-1');
    expect((await provider.machines('fleet')).map(({ id }) => id)).toEqual(['m1']);
    await provider.remove('m3');
    expect(said()).toHaveLength(3);
  });

  it('a label is one machine, over instances and over commands that fail', async () => {
    const { create, failing, said } = rack();
    failing.make();
    await expect(create('jp-f-1')).rejects.toMatchObject({ code: 'outcome_unknown' });
    failing.remove();
    expect(await create('jp-f-1')).toMatchObject({ id: 'm1' });
    expect(await rack().create('jp-f-1')).toMatchObject({ id: 'm1' });
    expect(said()).toEqual(['take m1 192.0.2.1 jp-f-1 jp']);
  });

  it('two that take at once get two machines; a third of none is told that all are in service', async () => {
    const [a, b] = [rack(), rack()];
    const both = await Promise.allSettled([a.create('jp-f-1'), b.create('jp-f-2')]);
    const won = both.filter(({ status }) => status === 'fulfilled');
    // Who was overtaken asks again.
    expect(won.length).toBeGreaterThan(0);
    await Promise.all([a.create('jp-f-1'), a.create('jp-f-3').catch(() => a.create('jp-f-3'))]);
    await b.create('jp-f-2');
    expect(new Set((await a.provider.machines('fleet')).map(({ label }) => label)).size).toBe(3);
    await expect(a.create('jp-f-4')).rejects.toMatchObject({ code: 'account_limit' });
  });

  it('one that was just given back is taken last: it may be the one that does not work', async () => {
    const { provider, create } = rack();
    await create('jp-f-1');
    nowMs = 2000;
    await provider.remove('m1');
    expect(await create('jp-f-2')).toMatchObject({ id: 'm2' });
    expect(await create('jp-f-3')).toMatchObject({ id: 'm1' });
  });

  it('gives no list while it cannot be reached, and takes nothing back that it could not end', async () => {
    const { provider, create, dark, failing } = rack();
    await create('jp-f-1');
    dark.make();
    await expect(provider.machines('fleet')).rejects.toMatchObject({ code: 'unavailable' });
    dark.remove();
    failing.make();
    await expect(provider.remove('m1')).rejects.toMatchObject({ code: 'unavailable' });
    expect(await provider.machines('fleet')).toHaveLength(1);
    store.away = true;
    await expect(provider.machines('fleet')).rejects.toMatchObject({ code: 'unavailable' });
  });
});
