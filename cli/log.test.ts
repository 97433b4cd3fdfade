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
