import type { Target } from '../guided/target.ts';

/** The negative control: a fault behind comparisons, each of which shows in coverage. */
function planted(data: Uint8Array): void {
  if (data.length < 6) return;
  if (data[0] !== 0x68) return;
  if (data[1] !== 0x61) return;
  if (data[2] !== 0x79) return;
  if (data[3] !== 0x61) return;
  if (data[4] !== data.length) return;
  if (data[5]! < 0xf0) return;
  throw new Error('the planted fault');
}

export const plantedFault: Target = {
  name: 'planted',
  of: 'the negative control',
  files: ['lab/fuzz/targets/planted.ts'],
  seeds: () => [new Uint8Array(8)],
  maxBytes: 32,
  open: () => planted,
};
