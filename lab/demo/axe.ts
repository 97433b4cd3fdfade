import axe from 'axe-core';
import type { BrowserPage } from '../browsers/index.ts';

/** What axe-core finds that keeps people out (impact `serious` or `critical`): the rule, and where. */
export async function graveIssues(page: BrowserPage): Promise<string[]> {
  await page.evaluate(`(() => { if (!globalThis.axe) { ${axe.source} } return true; })()`);
  return page.evaluate<string[]>(`axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
    violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, nodes }) => nodes.map(({ target, any }) => id + ' ' + target.join(' ') + ' ' + (any[0]?.message ?? '')))
  )`);
}

/** Whether axe finds what is wrong on purpose: a button without a name, and words that can hardly be seen. */
export async function findsFlaws(page: BrowserPage): Promise<boolean> {
  await page.evaluate(`(() => {
    const flaw = document.createElement('div');
    flaw.id = 'flaw';
    flaw.style = 'position: fixed; z-index: 99; inset: 0 auto auto 0; background: #fff; color: #eee';
    flaw.innerHTML = '<button></button><p>hardly seen</p>';
    document.body.append(flaw);
    return true;
  })()`);
  const found = await graveIssues(page);
  await page.evaluate(`(document.querySelector('#flaw').remove(), true)`);
  return found.some((issue) => issue.startsWith('button-name')) && found.some((i) => i.startsWith('color-contrast'));
}
