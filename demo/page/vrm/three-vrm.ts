// The package's own types import files without extensions, which resolves for bundlers only: these are what is used of it.
import * as threeVrm from '@pixiv/three-vrm';
import type { Group, Object3D } from 'three';
import type { GLTFLoaderPlugin, GLTFParser } from 'three/addons/loaders/GLTFLoader.js';

type Bone = 'hips' | 'spine' | 'chest' | 'neck' | 'head' | 'leftUpperArm' | 'rightUpperArm';

export interface Vrm {
  readonly scene: Group;
  readonly meta: { metaVersion: '0'; title?: string } | { metaVersion: '1'; name?: string };
  readonly humanoid: {
    /** Of the model itself; null where it lacks the bone. */
    getRawBoneNode(bone: Bone): Object3D | null;
    /** Of a rig whose bones stand upright at rest, which the model follows. */
    getNormalizedBoneNode(bone: Bone): Object3D | null;
  };
  readonly expressionManager?: {
    readonly expressionMap: Readonly<Record<string, unknown>>;
    setValue(name: string, weight: number): void;
  };
  /** Degrees: yaw to the model's left, pitch down. */
  readonly lookAt?: { yaw: number; pitch: number };
  readonly springBoneManager?: { reset(): void };
  /** Applies bones, looks, expressions, and moves what hangs; seconds. */
  update(delta: number): void;
}

interface ThreeVrm {
  VRMLoaderPlugin: new (parser: GLTFParser) => GLTFLoaderPlugin;
  VRMUtils: {
    removeUnnecessaryVertices(root: Object3D): void;
    combineSkeletons(root: Object3D): void;
    rotateVRM0(vrm: Vrm): void;
    deepDispose(root: Object3D): void;
  };
}

export const { VRMLoaderPlugin, VRMUtils } = threeVrm as unknown as ThreeVrm;
