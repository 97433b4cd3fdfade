import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readVectors } from '../testing/vectors.ts';
import { allVectors, formatVectors } from './make/index.ts';

const files = allVectors();

describe('golden vectors', () => {
  it.each(Object.keys(files))('%s is what the generator makes', (name) => {
    expect(readFileSync(join(import.meta.dirname, name), 'utf8')).toBe(formatVectors(files[name]!));
  });

  it('no file is without a generator', () => {
    const found = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.json'));
    expect(found.sort()).toEqual(Object.keys(files).sort());
  });

  it.each(Object.keys(files))('%s names each case once', (name) => {
    const names = readVectors(name).map((each) => each.name);
    expect(new Set(names).size).toBe(names.length);
  });
});
