import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { boundedLines } from './log.ts';

it('leaves out what nobody reads, and says how much it was', () => {
  const to = {
    writableLength: 0,
    text: '',
    write(text: string) {
      this.text += text;
      this.writableLength += text.length;
    },
  };
  const lines = boundedLines(to, 5, () => 7);
  for (const line of ['one\n', 'two\n', 'three\n', 'four\n']) lines.write(line);
  expect(to.text).toBe('one\ntwo\n');
  to.writableLength = 0;
  lines.write('five\n');
  lines.write('six\n');
  expect(to.text).toBe(
    'one\ntwo\n{"level":40,"time":7,"dropped":2,"msg":"log lines that nobody read in time"}\nfive\n',
  );
});

it('does not keep a verb from its end that nobody reads the log of', { timeout: 30_000 }, async () => {
  const bin = fileURLToPath(new URL('bin/hayate.ts', import.meta.url));
  // More than any pipe takes.
  const log = `data:text/javascript,process.stderr.write('x'.repeat(3e6))`;
  const child = spawn(process.execPath, ['--import', log, bin, '--version'], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stderr.pause();
  let answer = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    answer += text;
  });
  try {
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(answer).toMatch(/^\d+\.\d+\.\d+\n$/);
  } finally {
    child.kill('SIGKILL');
  }
});
