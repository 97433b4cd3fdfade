import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const fetchScript = fileURLToPath(new URL('fetch.sh', import.meta.url));
let dir: string;
let archive: Buffer;
let server: Server;
let url: string;
let refuse = 0;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hayate-fetch-'));
  mkdirSync(join(dir, 'hayate-1'));
  writeFileSync(join(dir, 'hayate-1', 'hello'), 'release');
  execFileSync('tar', ['-czf', join(dir, 'a.tar.gz'), '-C', dir, 'hayate-1']);
  archive = readFileSync(join(dir, 'a.tar.gz'));
  server = createServer((_request, response) => {
    if (refuse > 0) {
      refuse -= 1;
      response.writeHead(503).end();
    } else response.end(archive);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/a.tar.gz`;
});

afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  rmSync(dir, { recursive: true, force: true });
});

const sum = () => createHash('sha256').update(archive).digest('hex');

/** Exit code. Not synchronous: this process serves the archive. */
function run(checksum: string, folder: string, tries = '0'): Promise<number> {
  const env = { ...process.env, HAYATE_FETCH_TRIES: tries };
  return new Promise((resolve) => {
    execFile('sh', [fetchScript, url, checksum, folder], { env }, (error) => resolve(error ? Number(error.code) : 0));
  });
}

describe('fetch.sh', () => {
  it('unpacks an archive whose checksum is right, in place of what was there', async () => {
    const folder = join(dir, 'right', 'hayate');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'old'), '');
    expect(await run(sum(), folder)).toBe(0);
    expect(readdirSync(folder).sort()).toEqual(['.sha256', 'hello']);
    expect(readdirSync(join(dir, 'right'))).toEqual(['hayate']);
  });

  it('does nothing where it is there already, and takes another one', async () => {
    const folder = join(dir, 'image', 'hayate');
    expect(await run(sum(), folder)).toBe(0);
    writeFileSync(join(folder, 'mark'), '');
    refuse = 1;
    expect(await run(sum(), folder)).toBe(0);
    expect([existsSync(join(folder, 'mark')), refuse]).toEqual([true, 1]);
    refuse = 0;
    writeFileSync(join(folder, '.sha256'), 'other');
    expect(await run(sum(), folder)).toBe(0);
    expect(existsSync(join(folder, 'mark'))).toBe(false);
  });

  it('leaves nothing of one whose checksum is wrong', async () => {
    const folder = join(dir, 'wrong', 'hayate');
    expect(await run('0'.repeat(64), folder)).toBe(1);
    expect(existsSync(folder)).toBe(false);
    expect(readdirSync(join(dir, 'wrong'))).toEqual([]);
  });

  it('tries again while the mirror refuses', async () => {
    refuse = 1;
    expect(await run(sum(), join(dir, 'again', 'hayate'), '1')).toBe(0);
    refuse = 1;
    expect(await run(sum(), join(dir, 'once', 'hayate'))).not.toBe(0);
    refuse = 0;
  });
});
