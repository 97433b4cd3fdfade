import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const script = fileURLToPath(new URL('./build.mjs', import.meta.url));
const addon = fileURLToPath(new URL(`./dist/hayate-${process.platform}-${process.arch}.node`, import.meta.url));

/** Runs the build with nothing on the PATH but these programs (shell scripts). */
function build(programs: Record<string, string>) {
  const bin = mkdtempSync(join(tmpdir(), 'hayate-build-'));
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  const { status, stderr } = spawnSync(process.execPath, [script], {
    encoding: 'utf8',
    env: { PATH: bin, CARGO_TARGET_DIR: join(bin, 'target'), ARGS: join(bin, 'args') },
  });
  return { status, stderr, bin };
}

describe('engine/build.mjs', () => {
  test('without cargo: code 3 and what to install', () => {
    const { status, stderr } = build({});
    expect(status).toBe(3);
    expect(stderr).toMatch(/cargo is not on the PATH.*rustup\.rs.*npm run engine/s);
  });

  test('a failing cargo: code 1, its output, and the addon that was there stays', () => {
    const before = existsSync(addon) ? statSync(addon).mtimeMs : undefined;
    const { status, stderr, bin } = build({
      // Another compiler version: the stamp does not fit.
      rustc: 'echo "rustc 0.0.0-test"',
      cargo: '[ "$1" = --version ] && exit 0\necho "$@" > "$ARGS"\necho "error: no such thing" >&2\nexit 101',
    });
    expect(status).toBe(1);
    expect(stderr).toContain('error: no such thing');
    expect(readFileSync(join(bin, 'args'), 'utf8').trim()).toBe(
      `build --profile release --locked -p hayate-node --target-dir ${join(bin, 'target')}`,
    );
    expect(existsSync(addon) ? statSync(addon).mtimeMs : undefined).toBe(before);
  });
});
