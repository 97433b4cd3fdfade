import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

/** The golden vectors by a decoder that was written from docs/motion-codec.md alone, in another language. */

const PROGRAM = join(import.meta.dirname, 'reference_decoder.py');
const VECTORS = join(import.meta.dirname, '../../vectors/motion.json');

interface Unit {
  key: boolean;
  hex: string;
  steps: Record<string, number>;
}

function missing(): string | undefined {
  const { status } = spawnSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 9))']);
  return status === 0 ? undefined : 'no python3 of 3.9 or newer';
}

function reference(vectors: string): { status: number | null; stdout: string; stderr: string } {
  return spawnSync('python3', [PROGRAM, vectors], { encoding: 'utf8' });
}

test('every golden vector means the same to the reference decoder', ({ skip }) => {
  const reason = missing();
  if (reason !== undefined) skip(reason);
  const { cases } = JSON.parse(readFileSync(VECTORS, 'utf8')) as { cases: unknown[] };
  const { status, stdout, stderr } = reference(VECTORS);
  expect(stderr).toBe('');
  expect(stdout).toMatch(new RegExp(`^${cases.length} cases, 0 differ; calls: [1-9]\\d* decode`));
  expect(status).toBe(0);
});

test('the reference decoder notices one step of one channel', ({ skip }) => {
  const reason = missing();
  if (reason !== undefined) skip(reason);
  const { cases } = JSON.parse(readFileSync(VECTORS, 'utf8')) as { cases: { units?: Unit[] }[] };
  const chain = cases.find(({ units }) => units?.some(({ key, steps }) => !key && steps['0'] !== undefined))!;
  const unit = chain.units!.find(({ key, steps }) => !key && steps['0'] !== undefined)!;
  unit.steps['0']! += 1;
  const folder = mkdtempSync(join(tmpdir(), 'hayate-reference-'));
  try {
    const changed = join(folder, 'motion.json');
    writeFileSync(changed, JSON.stringify({ cases: [chain] }));
    const { status, stdout } = reference(changed);
    expect(stdout).toContain('1 cases, 1 differ');
    expect(status).toBe(1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
