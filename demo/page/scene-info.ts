import { isSceneName, type SceneName } from '../avatar/scene/light.ts';

/** `Liver.info` of this page's livers. Undefined: each viewer sees a scene of the own hour. */
export const infoOf = (scene: SceneName | undefined): string | undefined => scene && JSON.stringify({ scene });

/** Of any application's `info`: what this page does not know it takes for none. */
export function sceneOf(info: string | undefined): SceneName | undefined {
  try {
    const scene: unknown = (JSON.parse(info ?? 'null') as { scene?: unknown } | null)?.scene;
    return isSceneName(scene) ? scene : undefined;
  } catch {
    return undefined;
  }
}
