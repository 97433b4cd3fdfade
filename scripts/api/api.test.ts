import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import * as browser from '../../client/src/browser.ts';
import * as node from '../../client/src/node.ts';
import { noTypedoc, SETTINGS, typedoc } from './typedoc.ts';

const reason = noTypedoc();
const api = fileURLToPath(new URL('.', import.meta.url));

test('the entries for browsers and for Node export the same', () => {
  expect(Object.keys(browser)).toEqual(Object.keys(node));
});

test('every exported symbol of the SDK has a doc comment, and every link in one leads somewhere', {
  timeout: 120_000,
}, ({ skip }) => {
  if (reason !== undefined) skip(reason);
  expect(typedoc(['--emit', 'none'])).toEqual({ code: 0, said: '' });
});

test('an export without a doc comment is noticed', { timeout: 120_000 }, ({ skip }) => {
  if (reason !== undefined) skip(reason);
  const folder = mkdtempSync(join(tmpdir(), 'hayate-api-'));
  try {
    const write = (file: string, value: object) => writeFileSync(join(folder, file), JSON.stringify(value));
    write('package.json', { name: '@hayate/client', type: 'module' });
    write('tsconfig.json', { extends: join(api, 'tsconfig.json'), compilerOptions: { types: [] }, files: ['more.ts'] });
    write('typedoc.json', { extends: [SETTINGS], tsconfig: 'tsconfig.json', entryPoints: ['more.ts'] });
    writeFileSync(join(folder, 'more.ts'), '/** Has one. */\nexport const told = 1;\nexport const bare = 1;\n');
    const { code, said } = typedoc(['--emit', 'none'], join(folder, 'typedoc.json'));
    expect(said).toMatch(/bare \(Variable\).*does not have any documentation/);
    expect(said).not.toContain('told');
    expect(code).not.toBe(0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
