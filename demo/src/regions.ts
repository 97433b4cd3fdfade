import type { Asset } from './assets.ts';

export interface Pane {
  title: string;
  /** Of the viewer's page at that region's relay. */
  url: string;
}

const escaped = (text: string) =>
  text.replace(/[&<>"]/g, (letter) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[letter]!);

/** A page that shows several others side by side, each with its own title. */
export function regionsPage(note: string, panes: readonly Pane[]): Asset {
  const figures = panes.map(
    ({ title, url }) =>
      // A pane with a clock as fine as a page of its own, and without sound until somebody taps it.
      `<figure><figcaption>${escaped(title)}</figcaption><iframe title="${escaped(title)}" src="${escaped(url)}" allow="cross-origin-isolated"></iframe></figure>`,
  );
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Hayate: regions</title>
<link rel="icon" href="data:,">
<style>
:root { color-scheme: light dark; font: 15px/1.4 system-ui, sans-serif; }
body { margin: 0; height: 100dvh; display: flex; flex-direction: column; background: light-dark(#eef1f8, #10172e); color: light-dark(#1b2440, #eef3ff); }
p { margin: 0; padding: 0.6rem 1rem; }
main { flex: 1; min-height: 0; display: grid; grid-auto-flow: column; grid-auto-columns: 1fr; gap: 0.5rem; padding: 0 0.5rem 0.5rem; }
figure { margin: 0; min-height: 0; display: flex; flex-direction: column; }
figcaption { padding: 0.3rem 0.5rem; font-weight: 600; }
iframe { flex: 1; width: 100%; border: 0; border-radius: 0.8rem; }
@media (max-width: 60rem) { main { grid-auto-flow: row; grid-auto-rows: 1fr; } }
</style>
</head>
<body>
<p>${escaped(note)}</p>
<main>${figures.join('')}</main>
</body>
</html>
`;
  return { type: 'text/html; charset=utf-8', body: Buffer.from(html) };
}
