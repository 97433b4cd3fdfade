/** 0..255 each. */
type Rgb = readonly [r: number, g: number, b: number];

function parse(hex: string): Rgb {
  const value = Number.parseInt(hex.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

function format(rgb: Rgb): string {
  return `#${rgb.map((c) => Math.round(c).toString(16).padStart(2, '0')).join('')}`;
}

/** `share` of `b`, the rest of `a`; colours as `#rrggbb`. */
export function mix(a: string, b: string, share: number): string {
  const [from, to] = [parse(a), parse(b)];
  const at = (i: 0 | 1 | 2) => from[i] + (to[i] - from[i]) * share;
  return format([at(0), at(1), at(2)]);
}

/** As under a light of that colour: white leaves it as it is. */
export function under(light: string, colour: string): string {
  const [lamp, paint] = [parse(light), parse(colour)];
  const at = (i: 0 | 1 | 2) => (lamp[i] * paint[i]) / 255;
  return format([at(0), at(1), at(2)]);
}

export function alpha(colour: string, opacity: number): string {
  const [r, g, b] = parse(colour);
  return `rgba(${r}, ${g}, ${b}, ${opacity})`;
}
