import type { Profile } from './layout.ts';
import { type FaceModel, loadFaceModel } from './model.ts';
import { TABLE as HI } from './tables/hi.ts';
import { TABLE as LO } from './tables/lo.ts';
import { TABLE as STD } from './tables/std.ts';

const TABLES: Readonly<Record<Profile, string>> = { hi: HI, std: STD, lo: LO };
const loaded = new Map<Profile, FaceModel>();

/** The model that every face-1 stream of `profile` uses; read once. */
export function builtInModel(profile: Profile): FaceModel {
  let model = loaded.get(profile);
  if (!model) {
    model = loadFaceModel(TABLES[profile]);
    loaded.set(profile, model);
  }
  return model;
}
