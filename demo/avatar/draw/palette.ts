import { mix, under } from './colour.ts';

/** Colours of one character, `#rrggbb`. */
export interface Palette {
  hair: string;
  hairLight: string;
  hairDark: string;
  hairLine: string;
  /** The hair's tips and its inside. */
  inner: string;
  eye: string;
  eyeDark: string;
  eyeLight: string;
  lash: string;
  cloth: string;
  clothShade: string;
  collar: string;
  collarDark: string;
  ribbon: string;
  ribbonDark: string;
  accent: string;
  skin: string;
  skinShade: string;
  skinDeep: string;
  skinLine: string;
  blush: string;
  lip: string;
  mouth: string;
  tongue: string;
  /** Teeth and the white of the eye. */
  white: string;
}

const SKIN = {
  skin: '#ffeadd',
  skinShade: '#f6c6b4',
  skinDeep: '#dd9a90',
  skinLine: '#a8604f',
  blush: '#ff7d86',
  lip: '#e0716f',
  mouth: '#7c2438',
  tongue: '#ef7d86',
  white: '#fffdfd',
};

const PALETTES: readonly Palette[] = [
  {
    ...SKIN,
    hair: '#3f4c96',
    hairLight: '#8ea6f2',
    hairDark: '#2a3270',
    hairLine: '#1d2250',
    inner: '#3fd0c0',
    eye: '#1fa8a8',
    eyeDark: '#0d3f58',
    eyeLight: '#a4fbe4',
    lash: '#2a1d3a',
    cloth: '#f8f9fe',
    clothShade: '#c9d1ea',
    collar: '#333f7a',
    collarDark: '#232b58',
    ribbon: '#2fc4b2',
    ribbonDark: '#178578',
    accent: '#2fc4b2',
  },
  {
    ...SKIN,
    hair: '#b4604a',
    hairLight: '#f6b98a',
    hairDark: '#823f34',
    hairLine: '#562420',
    inner: '#ffb66b',
    eye: '#7f9a35',
    eyeDark: '#33440f',
    eyeLight: '#e8f59c',
    lash: '#3d1f1f',
    cloth: '#fff6ea',
    clothShade: '#e6cfbb',
    collar: '#3c4a66',
    collarDark: '#28344b',
    ribbon: '#ff9f45',
    ribbonDark: '#c96a1c',
    accent: '#ffb347',
  },
  {
    ...SKIN,
    hair: '#9a86cc',
    hairLight: '#e3d4ff',
    hairDark: '#6a579f',
    hairLine: '#463873',
    inner: '#ffa3c8',
    eye: '#b8528f',
    eyeDark: '#551b45',
    eyeLight: '#ffc9ea',
    lash: '#382347',
    cloth: '#fff5fa',
    clothShade: '#e6cbdd',
    collar: '#7a5aa0',
    collarDark: '#573d78',
    ribbon: '#ff7fa5',
    ribbonDark: '#cc4d78',
    accent: '#ff7fa5',
  },
  {
    ...SKIN,
    hair: '#3a4046',
    hairLight: '#9fb3bb',
    hairDark: '#24282d',
    hairLine: '#15181b',
    inner: '#e0a24a',
    eye: '#b5822c',
    eyeDark: '#4c3006',
    eyeLight: '#ffe7a4',
    lash: '#241a1c',
    cloth: '#f4fbf7',
    clothShade: '#c3d9cf',
    collar: '#2f6a5b',
    collarDark: '#1f4a40',
    ribbon: '#ffd166',
    ribbonDark: '#c99530',
    accent: '#ffe08a',
  },
];

/** What a place does to colours, `#rrggbb` each. */
export interface Light {
  /** White shows them as they are. */
  ambient: string;
  /** Of what shines on the hair. */
  rim: string;
}

/** The character of a slot (0 and up) under a light. */
export function paletteOf(slot: number, { ambient, rim }: Light): Palette {
  const own = PALETTES[slot % PALETTES.length]!;
  const lit = Object.entries(own).map(([part, paint]) => [part, under(ambient, paint)]);
  const palette = Object.fromEntries(lit) as Record<keyof Palette, string>;
  return { ...palette, hairLight: mix(palette.hairLight, rim, 0.3) };
}
