import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { SummaryData } from './data.ts';
import type { Series } from './series.ts';

const HERE = import.meta.dirname;

export interface ReportFacts {
  script: string;
  /** ISO. */
  at: string;
  exitCode: number;
  durationMs: number;
  /** Where lag comes from: one clock, or estimates. */
  clock: string;
  target: string | undefined;
}

/** One file with all in it: opens from disk, from a mail, without a network. */
export function reportHtml(facts: ReportFacts, data: SummaryData, series: Series, summary: string): string {
  const require = createRequire(import.meta.url);
  const read = (path: string) => readFileSync(path, 'utf8');
  const uplot = join(require.resolve('uplot/package.json'), '../dist');
  const page = {
    facts,
    metrics: data.metrics,
    checks: data.root_group,
    timesS: series.timesMs.map((ms) => ms / 1000),
    tracks: series.tracks(),
    summary,
  };
  // The only way out of a script element is its end tag.
  const json = JSON.stringify(page).replaceAll('<', '\\u003c');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Load test ${escaped(facts.script)}</title>
<style>${read(join(uplot, 'uPlot.min.css'))}</style>
<style>${read(join(HERE, 'page/report.css'))}</style>
</head>
<body>
<main id="report"></main>
<script type="application/json" id="data">${json}</script>
<script>${read(join(uplot, 'uPlot.iife.min.js')).replaceAll('</script', '<\\/script')}</script>
<script>${read(join(HERE, 'page/report.js'))}</script>
</body>
</html>
`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}
