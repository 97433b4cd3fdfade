// Expressions for the demo page: what a person does on it.
import type { BrowserPage } from './index.ts';

/** An expression that presses the button of this text or label; throws in the page when there is none to be pressed. */
export function press(name: string): string {
  return `(() => {
    const named = (b) => b.textContent.trim() === ${JSON.stringify(name)} || b.getAttribute('aria-label') === ${JSON.stringify(name)};
    const button = [...document.querySelectorAll('button')].find((b) => named(b) && b.checkVisibility() && !b.disabled);
    if (!button) throw new Error('no button ' + ${JSON.stringify(name)});
    button.click();
    return true;
  })()`;
}

/** Whether `press` would find its button. */
export function pressable(name: string): string {
  return `[...document.querySelectorAll('button')].some((b) => (b.textContent.trim() === ${JSON.stringify(name)} || b.getAttribute('aria-label') === ${JSON.stringify(name)}) && b.checkVisibility() && !b.disabled)`;
}

/** Presses a button as soon as it can be: none can while the connection is made anew. Rejects when it never can. */
export async function pressWhenPossible(page: BrowserPage, name: string, waitMs: number): Promise<void> {
  await page.waitFor(`${pressable(name)} && ${press(name)}`, waitMs);
}

/** Writes a comment as a person would. */
export function write(text: string): string {
  return `{
    document.querySelector('.comments input').value = ${JSON.stringify(text)};
    document.querySelector('.comments form').requestSubmit();
  }`;
}

/** Brings one of the panels beside the stage to the front. */
export function show(tab: 'live' | 'chat' | 'people' | 'figures'): string {
  return `document.querySelector('#tab-${tab}').click()`;
}
