/** More pixels than this for one of CSS nobody sees on a moving face. */
const MOST_RATIO = 2;

/** Calls `onSize` with the element's size in pixels of the screen, now and when it changes. Returns the way to stop. */
export function followSize(element: Element, onSize: (width: number, height: number) => void): () => void {
  const observer = new ResizeObserver((entries) => {
    const box = entries.at(-1)!.contentRect;
    const ratio = Math.min(MOST_RATIO, globalThis.devicePixelRatio || 1);
    onSize(Math.round(box.width * ratio), Math.round(box.height * ratio));
  });
  observer.observe(element);
  return () => observer.disconnect();
}
