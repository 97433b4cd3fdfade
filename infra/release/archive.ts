import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

/**
 * `parent/folder` as a .tar.gz whose bytes depend on names, contents, executable bits and `seconds` (the time stamp of all
 * files, since 1970) alone. Needs GNU tar. Compressed here: Node is pinned, the machine's gzip is not.
 */
export async function pack(parent: string, folder: string, seconds: number, file: string): Promise<void> {
  const tar = spawn(
    'tar',
    [
      '--create',
      '--format=pax',
      '--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime',
      '--sort=name',
      `--mtime=@${seconds}`,
      '--owner=0',
      '--group=0',
      '--numeric-owner',
      '--mode=u=rwX,go=rX',
      `--directory=${parent}`,
      folder,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, LC_ALL: 'C' } },
  );
  const ended = new Promise<number | null>((resolve, reject) => tar.on('error', reject).on('close', resolve));
  await Promise.all([
    pipeline(tar.stdout, createGzip({ level: 9 }), createWriteStream(file)),
    ended.then((code) => {
      if (code !== 0) throw new Error(`tar ended with ${code}`);
    }),
  ]);
}

export async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
