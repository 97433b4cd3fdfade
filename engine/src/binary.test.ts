import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findBinary } from './binary.ts';

let dir: string;
beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'hayate-binary-')));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const put = (path: string, text = '') => {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), text);
  return join(dir, path);
};
const find = (module: string, over: { platform?: string; arch?: string; named?: string } = {}) =>
  findBinary({
    from: pathToFileURL(join(dir, module)).href,
    platform: over.platform ?? 'linux',
    arch: over.arch ?? 'x64',
    named: over.named,
  });

const CHECKOUT = 'engine/src/native.ts';
const INSTALLED = 'node_modules/@hayate/engine/dist/src/native.js';
const platformPackage = () => {
  const folder = 'node_modules/@hayate/engine-linux-x64';
  put(`${folder}/package.json`, '{"name":"@hayate/engine-linux-x64","version":"0.1.0","main":"./hayate.node"}');
  return put(`${folder}/hayate.node`);
};

describe('the addon is looked for', () => {
  it('where HAYATE_ENGINE_PATH says, and nowhere else then', () => {
    platformPackage();
    const named = put('mine.node');
    expect(find(INSTALLED, { named })).toEqual({ path: named });
    expect(find(INSTALLED, { named: '/nonexistent.node' })).toEqual({
      reason: expect.stringContaining('HAYATE_ENGINE_PATH names /nonexistent.node'),
    });
  });

  it('in the checkout before what npm installed', () => {
    const installed = platformPackage();
    expect(find(CHECKOUT)).toEqual({ path: installed });
    const built = put('engine/dist/hayate-linux-x64.node');
    expect(find(CHECKOUT)).toEqual({ path: built });
  });

  it('in the package of this platform, not of another', () => {
    const beside = platformPackage();
    expect(find(INSTALLED)).toEqual({ path: beside });
    expect(find(INSTALLED, { arch: 'arm64' })).toEqual({ reason: expect.any(String) });
  });
});

describe('where there is none', () => {
  const reason = (...args: Parameters<typeof find>) => (find(...args) as { reason: string }).reason;

  it('a checkout names the command that builds it', () => {
    expect(reason(CHECKOUT)).toMatch(/hayate-linux-x64.node is missing; run `npm run engine`/);
  });

  it('an installation names the package that npm left out', () => {
    expect(reason(INSTALLED)).toMatch(/@hayate\/engine-linux-x64 is missing.*--omit=optional/);
  });

  it('a platform without a package is told how to make one', () => {
    expect(reason(INSTALLED, { platform: 'darwin', arch: 'arm64' })).toMatch(
      /no native engine is made for darwin-arm64 \(only for linux-x64\).*HAYATE_ENGINE_PATH/,
    );
  });
});

const checkout = join(import.meta.dirname, '..');
const built = findBinary({
  from: pathToFileURL(join(checkout, 'src/native.ts')).href,
  platform: process.platform,
  arch: process.arch,
  named: undefined,
});

it('the addon names no folder of the machine that built it', (context) => {
  if (!('path' in built)) return context.skip(built.reason);
  const text = readFileSync(built.path, 'latin1');
  expect(text.includes('/crates/')).toBe(true);
  for (const folder of [homedir(), checkout]) expect(text.includes(`${folder}/`), folder).toBe(false);
});
