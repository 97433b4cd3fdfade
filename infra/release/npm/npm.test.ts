import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pack } from '../archive.ts';
import { audit } from './audit.ts';
import { finishedCode, finishedTypes } from './compile.ts';
import {
  binaryManifest,
  entriesOf,
  type Manifest,
  namesOf,
  packedManifest,
  packedReadme,
  tarballName,
} from './manifest.ts';

const workspace: Manifest = {
  name: '@x/one',
  version: '1.2.3',
  description: 'One.',
  license: 'MIT',
  type: 'module',
  exports: {
    '.': { browser: './src/browser.ts', default: './src/node.ts' },
    './more': './more/index.ts',
    './testing/rig': './testing/rig.ts',
  },
  bin: { one: './bin/one.ts' },
  dependencies: { '@x/two': '1.2.3' },
};
const source = { folder: 'one', withheld: /^\.\/testing\//, entries: ['work/worker.ts', 'more/index.ts'] };

describe('the manifest of a package', () => {
  it('points at compiled code and its types, keeps conditions, withholds what tests need', () => {
    expect(packedManifest(workspace, source, ['linux-x64'])).toEqual({
      name: '@x/one',
      version: '1.2.3',
      description: 'One.',
      license: 'MIT',
      type: 'module',
      engines: { node: '>=24' },
      exports: {
        '.': {
          browser: { types: './dist/src/browser.d.ts', default: './dist/src/browser.js' },
          default: { types: './dist/src/node.d.ts', default: './dist/src/node.js' },
        },
        './more': { types: './dist/more/index.d.ts', default: './dist/more/index.js' },
      },
      bin: { one: './dist/bin/one.js' },
      files: ['dist'],
      dependencies: { '@x/two': '1.2.3' },
      optionalDependencies: { '@x/one-linux-x64': '1.2.3' },
    });
  });

  it('has types before code: the first condition that fits is taken', () => {
    const { exports } = packedManifest(workspace, source) as { exports: Record<string, object> };
    expect(Object.keys(exports['./more']!)).toEqual(['types', 'default']);
  });

  it('is refused for a private workspace and for what tsc does not compile', () => {
    expect(() => packedManifest({ ...workspace, private: true }, source)).toThrow('@x/one is private');
    const script = { ...workspace, exports: { '.': './src/plain.js' } };
    expect(() => packedManifest(script, source)).toThrow('./src/plain.js is no TypeScript');
  });

  it('of an addon is taken by npm on its platform alone', () => {
    expect(binaryManifest(workspace, 'linux-x64')).toMatchObject({
      name: '@x/one-linux-x64',
      os: ['linux'],
      cpu: ['x64'],
      libc: ['glibc'],
    });
    expect(binaryManifest(workspace, 'darwin-arm64')).not.toHaveProperty('libc');
  });
});

describe('what is compiled', () => {
  it('is what exports, commands and loads by name lead to, once each', () => {
    expect(entriesOf(workspace, source)).toEqual([
      'src/browser.ts',
      'src/node.ts',
      'more/index.ts',
      'bin/one.ts',
      'work/worker.ts',
    ]);
  });

  it('finds siblings by their names, also those that are withheld, and as Node does', () => {
    expect(namesOf(workspace, source)).toEqual([
      ['@x/one', 'one/src/node.ts'],
      ['@x/one/more', 'one/more/index.ts'],
      ['@x/one/testing/rig', 'one/testing/rig.ts'],
    ]);
  });

  it('names workers as they are called then, and leaves other text alone', () => {
    expect(finishedCode("new Worker(new URL('./worker.ts', import.meta.url));")).toBe(
      "new Worker(new URL('./worker.js', import.meta.url));",
    );
    const other = "run('test.ts'); new URL('./page/', import.meta.url); new URL('./a.ts', base)";
    expect(finishedCode(other)).toBe(other);
  });

  it('imports declarations by the names of their code', () => {
    const text = `export * from './a.ts';\nimport "../b.ts";\nexport declare const c: import("./c.ts").C;\nexport * from '@x/two';\n`;
    expect(finishedTypes(text)).toBe(
      `export * from './a.js';\nimport "../b.js";\nexport declare const c: import("./c.js").C;\nexport * from '@x/two';\n`,
    );
  });
});

it('a README names what only the repository has without a link to it', () => {
  expect(packedReadme('[a](../docs/a.md), [b](src/b.ts), ![c](c.png), [d](https://d.example), [e](#e)')).toBe(
    'a, b, c, [d](https://d.example), [e](#e)',
  );
});

it('a tarball is called as npm calls it', () => {
  expect([tarballName('@x/one', '1.2.3'), tarballName('one', '1.2.3')]).toEqual(['x-one-1.2.3.tgz', 'one-1.2.3.tgz']);
});

describe('publint and attw', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'hayate-npm-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  const files = (over: Record<string, string | undefined> = {}) => ({
    'package.json': JSON.stringify(packedManifest({ ...workspace, dependencies: {} }, source)),
    LICENSE: 'MIT',
    'dist/src/browser.js': 'export const a = 1;\n',
    'dist/src/browser.d.ts': 'export declare const a: number;\n',
    'dist/src/node.js': 'export const a = 1;\n',
    'dist/src/node.d.ts': 'export declare const a: number;\n',
    'dist/more/index.js': "export { a } from '../src/node.js';\n",
    'dist/more/index.d.ts': "export { a } from '../src/node.js';\n",
    'dist/bin/one.js': '#!/usr/bin/env node\n',
    ...over,
  });
  const findings = async (over: Record<string, string | undefined>, ...more: Parameters<typeof audit>[1][]) => {
    for (const [path, text] of Object.entries(files(over))) {
      const file = join(dir, 'package', path);
      mkdirSync(dirname(file), { recursive: true });
      if (text !== undefined) writeFileSync(file, text);
    }
    const file = join(dir, 'one.tgz');
    await pack(dir, 'package', 0, file);
    return audit([{ name: '@x/one', file }], ...more);
  };
  const sideEffects = {
    'package.json': JSON.stringify({
      ...packedManifest({ ...workspace, dependencies: {}, sideEffects: false }, source),
    }),
  };

  it('find nothing in a package that is as it should be', async () => {
    expect(await findings(sideEffects)).toEqual([]);
  });

  it('report an export whose code, and one whose types are missing', async () => {
    const found = await findings({
      ...sideEffects,
      'dist/src/browser.js': undefined,
      'dist/more/index.d.ts': undefined,
    });
    expect(found.filter((text) => /FILE_DOES_NOT_EXIST.*browser\.js/.test(text))).toHaveLength(1);
    expect(found.filter((text) => /FILE_DOES_NOT_EXIST.*index\.d\.ts/.test(text))).toHaveLength(1);
    expect(found).toContain('@x/one: attw UntypedResolution @x/one/more (bundler)');
  });

  it('report declarations whose imports lead nowhere', async () => {
    const found = await findings({ ...sideEffects, 'dist/src/node.d.ts': "export { a } from './lost.ts';\n" });
    expect(found).toEqual([expect.stringMatching(/^@x\/one: attw InternalResolutionError/)]);
  });

  it('let an exception pass, and report one that nothing needs', async () => {
    const one = { package: /one/, finding: /USE_SIDE_EFFECTS/, why: 'a test' };
    expect(await findings({}, [])).toEqual([expect.stringContaining('USE_SIDE_EFFECTS')]);
    expect(await findings({}, [one])).toEqual([]);
    expect(await findings(sideEffects, [one])).toEqual([expect.stringContaining('drop the exception')]);
  });
});
