import type { Surroundings } from '../../avatar/scene/light.ts';

const AGAIN_MS = 5 * 60_000;

/** Of `?hour=18`, which fixes the time of day. */
function fixedHour(): number | undefined {
  const asked = new URLSearchParams(location.search).get('hour');
  return asked === null ? undefined : Number(asked);
}

/** Calls with the viewer's hour and whether the page is dark: now, and whenever it is another. For the page's life. */
export function followSurroundings(show: (surroundings: Surroundings) => void): void {
  const hour = fixedHour();
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const tell = () => {
    const now = new Date();
    show({ hour: hour ?? now.getHours() + now.getMinutes() / 60, dark: dark.matches });
  };
  dark.addEventListener('change', tell);
  setInterval(tell, AGAIN_MS);
  tell();
}
