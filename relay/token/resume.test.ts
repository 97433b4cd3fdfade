import { describe, expect, it } from 'vitest';
import { ResumeTokens } from './resume.ts';

describe('resume texts', () => {
  const tokens = new ResumeTokens();
  const text = tokens.make(4711, 'room', 'ann');

  it('name their session, for this room and this person on this relay', () => {
    expect(tokens.read(text, 'room', 'ann')).toBe(4711);
    expect(text).toHaveLength(51);
    expect(tokens.read(tokens.make(2 ** 47, 'room', 'ann'), 'room', 'ann')).toBe(2 ** 47);
    for (const [room, sub] of [
      ['other', 'ann'],
      ['room', 'bob'],
      // Together they are the same letters.
      ['roo', 'mann'],
      ['room","ann', ''],
    ] as const) {
      expect(tokens.read(text, room, sub)).toBeUndefined();
    }
    expect(new ResumeTokens().read(text, 'room', 'ann')).toBeUndefined();
  });

  it('are nothing once a bit of them is another, or some are missing', () => {
    const bytes = Buffer.from(text, 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(tokens.read(changed.toString('base64url'), 'room', 'ann')).toBeUndefined();
    }
    for (const wrong of ['', 'x', text.slice(0, -2), `${text}AA`, 'é'.repeat(51)]) {
      expect(tokens.read(wrong, 'room', 'ann')).toBeUndefined();
    }
  });
});
