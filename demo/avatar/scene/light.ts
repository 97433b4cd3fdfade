/** What the page knows of the viewer's surroundings. */
export interface Surroundings {
  /** Of the viewer's day, 0..24. */
  hour: number;
  /** Whether the page is dark. */
  dark: boolean;
}

/** Colours of a place and time, `#rrggbb`. */
export interface Scene {
  skyTop: string;
  skyMid: string;
  skyLow: string;
  /** Of the sun or moon, and where it stands: shares of the picture. */
  lamp: string;
  lampX: number;
  lampY: number;
  /** Of its disc, share of the picture's height. */
  lampSize: number;
  stars: number;
  cloud: string;
  cloudShade: string;
  far: string;
  near: string;
  /** What the light does to all colours of the character; white changes none. */
  ambient: string;
  /** The light that lies on the hair. */
  rim: string;
  /** Petals by day, fireflies by night. */
  flake: string;
  glowing: boolean;
}

const MORNING: Scene = {
  skyTop: '#8fc3f2',
  skyMid: '#cfe6fa',
  skyLow: '#fff1df',
  lamp: '#fff6d8',
  lampX: 0.2,
  lampY: 0.36,
  lampSize: 0.07,
  stars: 0,
  cloud: '#ffffff',
  cloudShade: '#d5e4f6',
  far: '#a9c6df',
  near: '#7fb39c',
  ambient: '#fffaf2',
  rim: '#fff3d0',
  flake: '#ffc3d4',
  glowing: false,
};

const DAY: Scene = {
  ...MORNING,
  skyTop: '#5ba7ee',
  skyMid: '#a9d4f8',
  skyLow: '#eaf6ff',
  lamp: '#ffffff',
  lampX: 0.24,
  lampY: 0.12,
  lampSize: 0.05,
  cloudShade: '#cfe0f5',
  far: '#9cc0e4',
  near: '#6fb08f',
  ambient: '#ffffff',
  rim: '#ffffff',
};

const SUNSET: Scene = {
  ...MORNING,
  skyTop: '#7f86d0',
  skyMid: '#f0a8a8',
  skyLow: '#ffdcae',
  lamp: '#ffe9b8',
  lampX: 0.74,
  lampY: 0.52,
  lampSize: 0.09,
  cloud: '#ffd9c4',
  cloudShade: '#d498a8',
  far: '#a283b4',
  near: '#6c5f8e',
  ambient: '#fff0e4',
  rim: '#ffce8a',
  flake: '#ffd2a8',
};

const TWILIGHT: Scene = {
  ...MORNING,
  skyTop: '#27306e',
  skyMid: '#5a62ac',
  skyLow: '#e0a3b6',
  lamp: '#fff3e0',
  lampX: 0.78,
  lampY: 0.2,
  lampSize: 0.03,
  stars: 40,
  cloud: '#8f8bc6',
  cloudShade: '#5f5f9e',
  far: '#4a4d8c',
  near: '#2b2f60',
  ambient: '#eeeaff',
  rim: '#ffc2d0',
  flake: '#ffe7a3',
  glowing: true,
};

const NIGHT: Scene = {
  ...TWILIGHT,
  skyTop: '#0c1333',
  skyMid: '#1c2a5e',
  skyLow: '#3d5590',
  lamp: '#f4f6ff',
  lampSize: 0.045,
  stars: 110,
  cloud: '#33437c',
  cloudShade: '#222e5e',
  far: '#1c2a56',
  near: '#101a3a',
  ambient: '#e4e5fb',
  rim: '#a9c8ff',
  flake: '#bff5d8',
};

const SCENES = { morning: MORNING, day: DAY, sunset: SUNSET, twilight: TWILIGHT, night: NIGHT };

/** A scene that a liver may choose for all viewers. */
export type SceneName = keyof typeof SCENES;

export const SCENE_NAMES = Object.keys(SCENES) as SceneName[];

export const isSceneName = (value: unknown): value is SceneName =>
  typeof value === 'string' && Object.hasOwn(SCENES, value);

/** What the liver chose; else of the viewer's surroundings. */
export const sceneFor = (name: SceneName | undefined, surroundings: Surroundings): Scene =>
  name ? SCENES[name] : sceneAt(surroundings);

/** A dark page has no bright window in it, whatever the hour; a light one no black hole. */
export function sceneAt({ hour, dark }: Surroundings): Scene {
  if (dark) return hour >= 5 && hour < 19 ? TWILIGHT : NIGHT;
  if (hour >= 5 && hour < 10) return MORNING;
  if (hour >= 10 && hour < 16) return DAY;
  if (hour >= 16 && hour < 20) return SUNSET;
  return TWILIGHT;
}
