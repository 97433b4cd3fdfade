import { describe, expect, it } from 'vitest';
import { PathJudge } from './path-judge.ts';

const PER_LOOK = 50;

/** Looks at a stream of 50 units a second of which so many never come, second by second. */
function judged(judge = new PathJudge()) {
  let received = 0;
  let lost = 0;
  /** Whether the path is bad at any of the looks. */
  const pass = (...gone: number[]) =>
    gone.map((now) => {
      lost += now;
      received += PER_LOOK - now;
      return judge.look(received, lost);
    });
  return { judge, pass };
}

describe('a path', () => {
  it('is bad where more than one unit in twenty never comes, over four seconds', () => {
    expect(judged().pass(3, 3, 3, 3, 3)).toEqual([false, false, false, false, true]);
    expect(judged().pass(2, 2, 2, 2, 2, 2)).not.toContain(true);
    expect(judged().pass(0, 0, 11, 0, 0)).toContain(true);
  });

  it('is not blamed for what was lost while this side stood still', () => {
    const { judge, pass } = judged();
    expect(pass(0, 0, 0, 0, 0)).not.toContain(true);
    judge.excuse();
    expect(pass(40, 0, 0, 0, 0, 0)).not.toContain(true);
    judge.excuse();
    // The first look may come before what shows the gap.
    expect(pass(0, 40, 0, 0, 0, 0)).not.toContain(true);
  });

  it('is blamed for what it loses afterwards', () => {
    const { judge, pass } = judged();
    judge.excuse();
    expect(pass(40, 3, 3, 3, 3, 3)).toEqual([false, false, false, false, false, true]);
  });
});
