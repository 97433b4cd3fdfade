import { h, put } from './dom.ts';
import { say } from './language/language.ts';

/** What this page uses where there is it, and does without elsewhere. */
const PARTS = ['transport', 'graphics', 'canvas', 'encoder', 'microphone'] as const;
type Part = (typeof PARTS)[number];

/** What of it a browser lacks. `drawsIn`: where the avatars came to be drawn. */
export function lacking(env: typeof globalThis, drawsIn: 'worker' | 'page'): Part[] {
  const has: Record<Part, boolean> = {
    transport: 'WebTransport' in env,
    graphics: hasWebGl2(env.document),
    canvas: drawsIn === 'worker',
    encoder: 'AudioEncoder' in env,
    microphone: env.navigator.mediaDevices?.getUserMedia !== undefined,
  };
  return PARTS.filter((part) => !has[part]);
}

export function hasWebGl2(document: Document): boolean {
  const context = document.createElement('canvas').getContext('webgl2');
  // A page may have few of them.
  context?.getExtension('WEBGL_lose_context')?.loseContext();
  return context !== null;
}

/** Says it on the page. It is found out when it is asked for: that costs a context of the graphics card. */
export function lackingNote(drawsIn: 'worker' | 'page'): { element: HTMLElement; show(): void } {
  const element = h('div', { class: 'lacking' });
  let shown = false;
  return {
    element,
    show() {
      if (shown) return;
      shown = true;
      const lacks = lacking(globalThis, drawsIn);
      if (lacks.length === 0)
        return put(
          element,
          say((w) => w.lacks.nothing),
        );
      const items = lacks.map((part) =>
        h(
          'li',
          {},
          say((w) => w.lacks[part]),
        ),
      );
      put(
        element,
        h(
          'h2',
          {},
          say((w) => w.lacks.title),
        ),
        h('ul', {}, ...items),
      );
    },
  };
}
