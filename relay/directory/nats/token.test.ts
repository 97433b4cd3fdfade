import fc from 'fast-check';
import { expect, it } from 'vitest';
import { fromSubjectToken, subjectToken } from './token.ts';

it('makes one token of any text, and gives the text back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (text) => {
      const token = subjectToken(text);
      expect(token).toMatch(/^[-_=A-Za-z0-9]+$/);
      expect(fromSubjectToken(token)).toBe(Buffer.from(text, 'utf8').toString('utf8'));
    }),
  );
  expect(subjectToken('room_1-A')).toBe('room_1-A');
  expect(subjectToken('a.b*c>d e=')).toBe('a=2eb=2ac=3ed=20e=3d');
});
