export interface Palette {
  hair: string;
  hairLight: string;
  hairDark: string;
  eye: string;
  eyeDark: string;
  eyeLight: string;
  cloth: string;
  clothDark: string;
  accent: string;
  skyTop: string;
  skyLow: string;
}

const PALETTES: readonly Palette[] = [
  {
    hair: '#3d4f8f',
    hairLight: '#6f8fd6',
    hairDark: '#2a3566',
    eye: '#22a6a0',
    eyeDark: '#0f4f5c',
    eyeLight: '#8ff0dc',
    cloth: '#f4f6fb',
    clothDark: '#cfd7ea',
    accent: '#2fc4b2',
    skyTop: '#8fb8f0',
    skyLow: '#e9f3ff',
  },
  {
    hair: '#a8553f',
    hairLight: '#e39a6c',
    hairDark: '#743527',
    eye: '#7a8f2e',
    eyeDark: '#39460f',
    eyeLight: '#dbe88a',
    cloth: '#38465f',
    clothDark: '#263146',
    accent: '#ffb347',
    skyTop: '#f3b7a0',
    skyLow: '#fff3e6',
  },
  {
    hair: '#8c7ab8',
    hairLight: '#c9b8ee',
    hairDark: '#5e4f8a',
    eye: '#b0528a',
    eyeDark: '#5a1f45',
    eyeLight: '#ffc0e2',
    cloth: '#fff4f8',
    clothDark: '#ecd3df',
    accent: '#ff7fa5',
    skyTop: '#c8b4ee',
    skyLow: '#fbeeff',
  },
  {
    hair: '#2f3437',
    hairLight: '#66757c',
    hairDark: '#1c2022',
    eye: '#b07a2c',
    eyeDark: '#553708',
    eyeLight: '#ffe19a',
    cloth: '#3f7f6d',
    clothDark: '#2c5c4f',
    accent: '#ffe08a',
    skyTop: '#9fd8c4',
    skyLow: '#f0fff8',
  },
];

export const SKIN = { base: '#ffe6d8', shade: '#f7c8b4', line: '#b9735f', blush: '#ff9a9a' } as const;

export function paletteOf(slot: number): Palette {
  return PALETTES[slot % PALETTES.length]!;
}
