import { chmodSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pack, sha256 } from './archive.ts';
import { linked } from './crates.ts';
import { missing, ownFiles, wantedOfPackage } from './files.ts';
import { licenceTexts } from './licences.ts';
import { closure, type Lock } from './lock.ts';
import { sbom } from './sbom.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hayate-release-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const lock: Lock = {
  packages: {
    cli: { version: '1.0.0', dependencies: { '@x/relay': '1.0.0', a: '1' } },
    relay: { version: '1.0.0', dependencies: { b: '1' } },
    lab: { version: '1.0.0', dependencies: { unwanted: '1' } },
    'node_modules/@x/relay': { resolved: 'relay', link: true },
    'node_modules/a': { version: '1.0.0', license: 'MIT', integrity: 'sha512-AAEC', dependencies: { b: '2' } },
    'node_modules/a/node_modules/b': { version: '2.0.0', license: '(MIT OR GPL-2.0)' },
    'node_modules/b': {
      version: '1.0.0',
      license: 'ISC',
      optionalDependencies: { 'b-linux': '1', 'b-mac': '1', 'b-none': '1' },
    },
    'node_modules/b-linux': { version: '1.0.0', os: ['linux'], cpu: 'x64' },
    'node_modules/b-mac': { version: '1.0.0', os: ['darwin'] },
    'node_modules/unwanted': { version: '1.0.0' },
  },
};

describe('closure', () => {
  it('has what the workspace needs on this platform, nested packages for those that need them', () => {
    expect(closure(lock, 'cli', 'linux', 'x64')).toEqual({
      workspaces: ['cli', 'relay'],
      packages: ['node_modules/a', 'node_modules/a/node_modules/b', 'node_modules/b', 'node_modules/b-linux'],
      needs: {
        cli: ['node_modules/a', 'relay'],
        relay: ['node_modules/b'],
        'node_modules/a': ['node_modules/a/node_modules/b'],
        'node_modules/a/node_modules/b': [],
        'node_modules/b': ['node_modules/b-linux'],
        'node_modules/b-linux': [],
      },
    });
  });

  it('names a package that the lock does not have', () => {
    const broken = { packages: { cli: { dependencies: { lost: '1' } } } };
    expect(() => closure(broken, 'cli', 'linux', 'x64')).toThrow('no lost, which cli needs');
  });
});

const metadata = {
  packages: ['hayate-node', 'ring', 'cc'].map((name) => ({
    id: name,
    name,
    version: '1.0.0',
    license: 'MIT/Apache-2.0',
    source: null,
    manifest_path: `/src/${name}/Cargo.toml`,
  })),
  resolve: {
    nodes: [
      { id: 'hayate-node', deps: [{ pkg: 'ring', dep_kinds: [{ kind: null }] }] },
      { id: 'ring', deps: [{ pkg: 'cc', dep_kinds: [{ kind: 'build' }] }] },
      { id: 'cc', deps: [] },
    ],
  },
};
const cargoLock = '[[package]]\nname = "ring"\nversion = "1.0.0"\nchecksum = "ab12"\n';

describe('crates', () => {
  it('are those that are linked in, with their sums, without tools of the build', () => {
    const found = linked(metadata, cargoLock, 'hayate-node');
    expect([...found.keys()]).toEqual(['hayate-node@1.0.0', 'ring@1.0.0']);
    expect(found.get('ring@1.0.0')).toMatchObject({ sha256: 'ab12', folder: '/src/ring', needs: [] });
  });
});

describe('sbom', () => {
  const input = () => ({
    version: '1.0.0',
    timestamp: '2026-01-01T00:00:00.000Z',
    lock,
    closure: closure(lock, 'cli', 'linux', 'x64'),
    crates: linked(metadata, cargoLock, 'hayate-node'),
    node: '24.0.0',
  });

  it('is CycloneDX: every reference is a component, licences are ids or expressions, sums are hex', () => {
    const bom = JSON.parse(sbom(input())) as {
      bomFormat: string;
      specVersion: string;
      serialNumber: string;
      metadata: { component: { 'bom-ref': string } };
      components: { 'bom-ref': string; purl?: string; licenses?: unknown; hashes?: unknown }[];
      dependencies: { ref: string; dependsOn: string[] }[];
    };
    expect([bom.bomFormat, bom.specVersion]).toEqual(['CycloneDX', '1.6']);
    expect(bom.serialNumber).toMatch(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
    const refs = new Set([bom.metadata.component['bom-ref'], ...bom.components.map((one) => one['bom-ref'])]);
    expect(refs.size).toBe(bom.components.length + 1);
    for (const { ref, dependsOn } of bom.dependencies) {
      for (const one of [ref, ...dependsOn]) expect(refs).toContain(one);
    }
    const by = (purl: string) => bom.components.find((one) => one.purl === purl);
    expect(by('pkg:npm/a@1.0.0')).toMatchObject({
      licenses: [{ license: { id: 'MIT' } }],
      hashes: [{ alg: 'SHA-512', content: '000102' }],
    });
    expect(by('pkg:npm/b@2.0.0')?.licenses).toEqual([{ expression: 'MIT OR GPL-2.0' }]);
    expect(by('pkg:cargo/ring@1.0.0')).toMatchObject({
      licenses: [{ expression: 'MIT OR Apache-2.0' }],
      hashes: [{ alg: 'SHA-256', content: 'ab12' }],
    });
    expect(by('pkg:npm/unwanted@1.0.0')).toBeUndefined();
  });

  it('is the same for the same input', () => {
    expect(sbom(input())).toBe(sbom(input()));
    expect(sbom({ ...input(), node: '24.0.1' })).not.toBe(sbom(input()));
  });
});

describe('files', () => {
  it('leaves out tests, sources of the engine and what is not asked for', () => {
    const tracked = ['cli/a.ts', 'cli/a.test.ts', 'cli/test/x.ts', 'engine/core/lib.rs', 'engine/src/i.ts', 'lab/x.ts'];
    expect(ownFiles(tracked, ['cli', 'engine'])).toEqual(['cli/a.ts', 'engine/src/i.ts']);
    expect(['/index.js', '/LICENSE', '/index.d.ts', '/README.md', '/node_modules'].map(wantedOfPackage)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });

  it('tells what a file that ships needs and does not get', () => {
    mkdirSync(join(dir, 'a'));
    const text = "import { b } from './b.ts';\nnew URL('./worker.ts', import.meta.url);\nawait import('../c.ts');\n";
    writeFileSync(join(dir, 'a/a.ts'), text);
    expect(missing(dir, ['a/a.ts'])).toEqual(['a/a.ts needs a/b.ts', 'a/a.ts needs a/worker.ts', 'a/a.ts needs c.ts']);
    for (const file of ['a/b.ts', 'a/worker.ts', 'c.ts']) writeFileSync(join(dir, file), '');
    expect(missing(dir, ['a/a.ts', 'a/b.ts', 'a/worker.ts', 'c.ts'])).toEqual([]);
  });
});

describe('licenceTexts', () => {
  it('has each text once with all whose it is, and names who brings none', () => {
    for (const name of ['a', 'b', 'c']) mkdirSync(join(dir, name));
    writeFileSync(join(dir, 'a/LICENSE'), 'the text\n');
    writeFileSync(join(dir, 'b/license.md'), 'the text\r\n');
    const text = licenceTexts(['a', 'b', 'c'].map((title) => ({ title, license: 'MIT', folder: join(dir, title) })));
    expect(text.match(/the text/g)).toHaveLength(1);
    expect(text).toContain('a: MIT\nb: MIT');
    expect(text.split('Without a text')[1]).toContain('c: MIT');
  });
});

describe('pack', () => {
  const tree = (name: string, at: number) => {
    const top = join(dir, name, 'hayate-1');
    mkdirSync(join(top, 'sub'), { recursive: true });
    for (const file of name === 'one' ? ['b', 'a', 'sub/c'] : ['sub/c', 'a', 'b']) {
      writeFileSync(join(top, file), file);
      utimesSync(join(top, file), at, at);
    }
    chmodSync(join(top, 'a'), 0o755);
    return join(dir, name);
  };
  const archive = async (name: string, seconds: number) => {
    const file = join(dir, `${name}.tar.gz`);
    await pack(join(dir, name), 'hayate-1', seconds, file);
    return sha256(file);
  };

  it('gives the same bytes for the same contents, whenever and in which order they were written', async () => {
    tree('one', 1000);
    tree('two', 2000);
    const first = await archive('one', 5000);
    expect(await archive('two', 5000)).toBe(first);
    writeFileSync(join(dir, 'two/hayate-1/b'), 'changed');
    expect(await archive('two', 5000)).not.toBe(first);
  });

  it('fails when tar does', async () => {
    await expect(pack(dir, 'nothing', 0, join(dir, 'x.tar.gz'))).rejects.toThrow('tar ended with 2');
  });
});
