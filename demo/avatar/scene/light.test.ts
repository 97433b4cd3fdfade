import { expect, it } from 'vitest';
import { type Scene, sceneAt } from './light.ts';

function luminance(hex: string): number {
  const value = Number.parseInt(hex.slice(1), 16);
  return (0.2126 * (value >> 16) + 0.7152 * ((value >> 8) & 255) + 0.0722 * (value & 255)) / 255;
}
const brightness = ({ skyTop, skyMid, skyLow }: Scene) =>
  (luminance(skyTop) + luminance(skyMid) + luminance(skyLow)) / 3;
const hours = Array.from({ length: 48 }, (_, i) => i / 2);

it('a dark page has a dark sky at any hour, a light page a brighter one by day', () => {
  for (const hour of hours) expect(brightness(sceneAt({ hour, dark: true }))).toBeLessThan(0.5);
  for (const hour of hours.filter((h) => h >= 5 && h < 20)) {
    expect(brightness(sceneAt({ hour, dark: false }))).toBeGreaterThan(0.6);
  }
});

it('the day has at least four lights', () => {
  const seen = new Set([true, false].flatMap((dark) => hours.map((hour) => sceneAt({ hour, dark }))));
  expect(seen.size).toBeGreaterThanOrEqual(4);
});
