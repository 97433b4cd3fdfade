import jsqr from 'jsqr';
import { expect, it } from 'vitest';
import { qrCode } from './qr.ts';

const SCALE = 4;
const read = jsqr as unknown as typeof jsqr.default;

/** As a camera sees it. */
function photograph({ size, path }: { size: number; path: string }, spoiled = 0) {
  const side = size * SCALE;
  const pixels = new Uint8ClampedArray(side * side * 4).fill(255);
  const paint = (x: number, y: number, light: number) => {
    for (let n = 0; n < SCALE * SCALE; n += 1) {
      const at = 4 * ((y * SCALE + Math.floor(n / SCALE)) * side + x * SCALE + (n % SCALE));
      pixels.fill(light, at, at + 3);
    }
  };
  for (const [, x, y] of path.matchAll(/M(\d+) (\d+)h1/g)) paint(Number(x), Number(y), 0);
  for (let y = 0; y < spoiled; y += 1) for (let x = 0; x < spoiled; x += 1) paint(size - 5 - x, size - 5 - y, 0);
  return read(pixels, side, side)?.data;
}

it('is read as the text it was made of, a smudge included', () => {
  const invite = 'https://live.example.com/?room=%E7%96%BE%E9%A2%A8';
  const code = qrCode(invite);
  expect(photograph(code)).toBe(invite);
  expect(photograph(code, 4)).toBe(invite);
  // The reader does not just say what it is to say.
  expect(photograph(qrCode('https://elsewhere.example/'))).toBe('https://elsewhere.example/');
  expect(photograph(code, 20)).toBeUndefined();
});
