import { readVectors } from '../../../codec/testing/vectors.ts';
import { fromHex } from '../../../codec/vectors/make/hex.ts';

/** Every input of a golden file. */
export function hexes(name: string): Uint8Array[] {
  return readVectors(name).flatMap(({ hex }) => (hex === undefined ? [] : [fromHex(hex)]));
}
