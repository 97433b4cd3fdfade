import { expect, it } from 'vitest';
import { infoOf, sceneOf } from './scene-info.ts';

it('reads what it wrote', () => {
  expect(sceneOf(infoOf('sunset'))).toBe('sunset');
  expect(infoOf(undefined)).toBeUndefined();
});

it('takes nothing else', () => {
  const others = [undefined, '', 'night', 'null', '7', '"night"', '[]', '{}', '{"scene":null}', '{"scene":"toString"}'];
  for (const info of others) expect(sceneOf(info), info).toBeUndefined();
});
