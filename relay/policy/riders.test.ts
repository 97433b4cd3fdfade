import { describe, expect, it } from 'vitest';
import { NEAR, nearAndFar as room } from '../test/near-and-far.ts';
import { TUNING } from './tuning.ts';

describe('a viewer of a near and a far liver', () => {
  it('gets the near one along with the far one, more and more of it', () => {
    const { pass, changes } = room();
    expect(pass(30, [20, 80])).toMatchObject({ voice: 1, patient: 1 << NEAR, holdMs: 26 });
    expect(changes.map(({ holdMs }) => holdMs)).toEqual([3, 6, 9, 12, 15, 18, 26]);
  });

  it('gets both at once while it is in conversation, and of a near one that has no time left', () => {
    const { pass } = room();
    pass(30, [20, 80]);
    expect(pass(1, [20, 80], true)).toMatchObject({ voice: 1, patient: 0, holdMs: 0 });
    expect(pass(30, [20, 80])).toMatchObject({ patient: 1 << NEAR });
    expect(pass(10, [60, 80])).toMatchObject({ voice: 1, patient: 0, holdMs: 0 });
  });

  it('gets datagrams of several voice packets where both are near (control)', () => {
    const { pass } = room();
    expect(pass(30, [20, 25])).toMatchObject({ voice: 3, patient: 0 });
  });

  it('waits for nobody where there is one liver, or two that are far (control)', () => {
    expect(room().pass(30, [80])).toMatchObject({ voice: 1, patient: 0, holdMs: 0 });
    expect(room().pass(30, [80, 85])).toMatchObject({ voice: 1, patient: 0, holdMs: 0 });
  });

  it('gets each unit as it comes where one voice packet a datagram is all that is allowed', () => {
    expect(room({ ...TUNING, maxVoice: 1 }).pass(30, [20, 80])).toMatchObject({ voice: 1, patient: 0, holdMs: 0 });
  });

  it('is not swung by a near one that is late now and then', () => {
    const { pass, changes } = room();
    for (let n = 0; n < 30; n += 1) {
      pass(8, [20, 80]);
      pass(6, [60, 80]);
    }
    const on = changes.filter(({ patient }, n) => patient !== 0 && (changes[n - 1]?.patient ?? 0) === 0).length;
    expect(on).toBeLessThan(10);
  });
});
