import type { Surroundings } from '../../avatar/scene/light.ts';

const AGAIN_MS = 5 * 60_000;

/** Calls with the viewer's hour and whether the page is dark: now, and whenever it is another. `hour` fixes the time of day. */
export function followSurroundings(hour: number | undefined, show: (surroundings: Surroundings) => void): void {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const tell = () => {
    const now = new Date();
    show({ hour: hour ?? now.getHours() + now.getMinutes() / 60, dark: dark.matches });
  };
  dark.addEventListener('change', tell);
  setInterval(tell, AGAIN_MS);
  tell();
}
