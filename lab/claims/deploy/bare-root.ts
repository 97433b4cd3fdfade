import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { faceCsv } from '../../lib/face-csv.ts';
import { Running } from '../../lib/processes.ts';

const FPS = 60;
const SECONDS = 5;

/** A folder that is the whole world of what runs in it: the unpacked archive at /opt/hayate, and what is put there. */
export class BareRoot {
  readonly path: string;

  /** `tarball` is unpacked as a machine does it. */
  constructor(tarball: string, path = mkdtempSync(join(tmpdir(), 'hayate-root-'))) {
    this.path = path;
    const home = join(path, 'opt', 'hayate');
    for (const folder of [home, join(path, 'tmp'), join(path, 'proc')]) mkdirSync(folder, { recursive: true });
    execFileSync('tar', ['-xzf', tarball, '-C', home, '--strip-components=1', '--no-same-owner']);
  }

  /** The shared libraries that Node and the engine name, from this machine: an empty root has no C library. */
  addLibraries(): string[] {
    const binaries = ['node/bin/node', 'engine/dist/hayate-linux-x64.node'].map((file) =>
      join(this.path, 'opt/hayate', file),
    );
    const text = execFileSync('ldd', binaries, { encoding: 'utf8' });
    const libraries = [...new Set(text.match(/\/lib\S+\.so\S*/g))].sort();
    for (const library of libraries) {
      mkdirSync(dirname(join(this.path, library)), { recursive: true });
      copyFileSync(library, join(this.path, library));
    }
    return libraries;
  }

  /** A program in it, with processes of its own; the network is this machine's. */
  run(...command: string[]): Running {
    const args = [
      '--mount',
      '--pid',
      '--fork',
      '--kill-child',
      `--mount-proc=${join(this.path, 'proc')}`,
      'chroot',
      this.path,
    ];
    // Nothing of this checkout or its machine is found by its environment.
    return new Running('unshare', [...args, ...command], {
      cwd: '/',
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/tmp' },
    });
  }

  hayate(...args: string[]): Running {
    // As bin/hayate does: an empty root has no shell for it.
    const launcher = readFileSync(join(this.path, 'opt/hayate/bin/hayate'), 'utf8');
    const flags = (/node" (.*) "\$here/.exec(launcher)?.[1] ?? '').split(' ').filter(Boolean);
    return this.run('/opt/hayate/node/bin/node', ...flags, '/opt/hayate/cli/bin/hayate.ts', ...args);
  }

  has(path: string): boolean {
    return existsSync(join(this.path, path));
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

export interface Shown {
  /** From the start of the process to its `ready`, ms. */
  startMs: number;
  transport: string;
  sent: number;
  shown: number;
}

/** A relay, a liver of five seconds and a viewer, all in the root. Rejects when one of them does not come up. */
export async function publishAndWatchIn(root: BareRoot): Promise<Shown> {
  writeFileSync(join(root.path, 'tmp', 'face.csv'), faceCsv(FPS * SECONDS, FPS));
  const state = ['--state-dir', '/tmp/state'];
  const ports = ['listen', 'http', 'metrics', 'api'].flatMap((name) => [`--${name}-port`, '0']);
  const since = performance.now();
  const relay = root.hayate('relay', '--dev', '--json', '--transport', 'engine', ...state, ...ports);
  try {
    const ready = JSON.parse((await relay.line(/"event":"ready"/, 60_000)).input) as { transport: string };
    const startMs = Math.round(performance.now() - since);
    const viewer = root.hayate('watch', '--room', 'bare', '--json', '--wait', '60', ...state);
    try {
      await viewer.line(/"event":"ready"/, 60_000);
      const publisher = root.hayate('publish', '/tmp/face.csv', '--room', 'bare', '--log', '/tmp/sent.jsonl', ...state);
      const code = await publisher.exited;
      if (code !== 0) throw new Error(`publish ended with ${code}: ${publisher.stderr.slice(-5).join(' ')}`);
      const sent = readFileSync(join(root.path, 'tmp/sent.jsonl'), 'utf8')
        .split('\n')
        .filter((line) => line.includes('"motion"')).length;
      const shown = () => viewer.stdout.filter((line) => line.includes('"event":"frame"')).length;
      // What is on its way when the publisher ends.
      for (let tries = 0; tries < 40 && shown() < sent; tries += 1)
        await new Promise((resolve) => setTimeout(resolve, 50));
      return { startMs, transport: ready.transport, sent, shown: shown() };
    } finally {
      await viewer.stop('SIGKILL');
    }
  } finally {
    await relay.stop('SIGKILL');
  }
}
