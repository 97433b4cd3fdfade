import type { Watcher } from '@hayate/client';
import { byId, h } from '../dom.ts';
import { say } from '../language/language.ts';
import { type PageProbe, report } from '../probe.ts';

const KEY = 'e';

/** Opens and closes the engineer's view by its button, the key `e`, or `?view=engineer`. Its code is loaded when it is opened first. */
export function engineerToggle(watcher: Watcher, probe: PageProbe): void {
  let panel: Promise<import('./panel.ts').EngineerPanel> | undefined;
  let open = false;
  const button = h(
    'button',
    { type: 'button', class: 'quiet', 'aria-keyshortcuts': KEY, 'aria-pressed': 'false', onclick: () => void toggle() },
    say((w) => w.engineer),
  );
  byId('nav').append(button);

  async function toggle(): Promise<void> {
    open = !open;
    button.setAttribute('aria-pressed', String(open));
    try {
      panel ??= import('./panel.ts').then(
        ({ EngineerPanel }) => new EngineerPanel(watcher, probe, () => void toggle()),
      );
      const shown = await panel;
      // Pressed twice while it was loaded.
      if (open === shown.element.isConnected) return;
      if (open) {
        document.body.append(shown.element);
        shown.open();
        probe.engineer = () => shown.reading;
      } else {
        shown.close();
        shown.element.remove();
        button.focus();
      }
    } catch (error) {
      panel = undefined;
      open = false;
      button.setAttribute('aria-pressed', 'false');
      report(probe, error);
    }
  }

  addEventListener('keydown', (event) => {
    if (event.key.toLowerCase() !== KEY || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.isComposing || writes(event.target)) return;
    void toggle();
  });
  if (new URLSearchParams(location.search).get('view') === 'engineer') void toggle();
}

/** Where letters are text. */
function writes(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest('input, textarea, select, dialog, [contenteditable]') !== null;
}
