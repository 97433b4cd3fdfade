import { encode } from 'uqr';

export interface QrCode {
  /** Modules of a side, the margin that readers need included. */
  size: number;
  /** Path of an SVG: its dark modules, one unit each. */
  path: string;
}

/** The code of a text: with some damage it can still be read. */
export function qrCode(text: string): QrCode {
  const { data, size } = encode(text, { ecc: 'M', border: 4 });
  const path = data.flatMap((row, y) => row.flatMap((dark, x) => (dark ? [`M${x} ${y}h1v1h-1z`] : []))).join('');
  return { size, path };
}
