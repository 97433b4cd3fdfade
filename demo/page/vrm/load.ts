import { LoadingManager } from 'three';
import { GLTFLoader } from 'three/addons/loaders/GLTFLoader.js';
import { VrmError } from './error.ts';
import { VRMLoaderPlugin, VRMUtils, type Vrm } from './three-vrm.ts';

const GLB_MAGIC = 0x46546c67;
const HEADER_BYTES = 12;

/** A file of somebody else's must not make this page ask any other place for anything. */
function within(): LoadingManager {
  const manager = new LoadingManager();
  manager.setURLModifier((url) => (/^(blob|data):/.test(url) ? url : 'data:,'));
  return manager;
}

/** Reads a VRM of either version. Rejects with `VrmError`: `not_vrm`, `broken`. */
export async function readVrm(bytes: ArrayBuffer): Promise<Vrm> {
  const header = new DataView(bytes, 0, Math.min(HEADER_BYTES, bytes.byteLength));
  if (header.byteLength < HEADER_BYTES || header.getUint32(0, true) !== GLB_MAGIC) throw new VrmError('not_vrm');
  if (header.getUint32(8, true) > bytes.byteLength) throw new VrmError('broken');
  const loader = new GLTFLoader(within());
  loader.register((parser) => new VRMLoaderPlugin(parser));
  let vrm: Vrm | undefined;
  try {
    const gltf = await loader.parseAsync(bytes, '');
    vrm = gltf.userData['vrm'] as Vrm | undefined;
  } catch (cause) {
    throw new VrmError('broken', { cause });
  }
  if (!vrm) throw new VrmError('not_vrm');
  VRMUtils.removeUnnecessaryVertices(vrm.scene);
  VRMUtils.combineSkeletons(vrm.scene);
  VRMUtils.rotateVRM0(vrm);
  return vrm;
}
