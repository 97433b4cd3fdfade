import type { CheckNode, GroupNode } from '../runner/checks.ts';
import type { MetricData, SummaryData } from './data.ts';
import { formatBytes, formatNumber, formatShare, formatTime, formatValue, type TimeUnit } from './format.ts';

export type SummaryMode = 'compact' | 'full' | 'disabled';

export interface SummaryOptions {
  mode: SummaryMode;
  color: boolean;
  /** In the order to show them. */
  checks: readonly CheckNode[];
}

/** Sections of TOTAL RESULTS, in k6's order; what no other takes is CUSTOM. */
const PROTOCOL = 'WEBTRANSPORT';
const DOMAIN = 'MOTION LIVE';
const SECTIONS: [string, (name: string) => boolean][] = [
  ['CUSTOM', () => false],
  [PROTOCOL, (name) => name.startsWith('webtransport_')],
  [
    DOMAIN,
    (name) =>
      /^(motion|voice|gift|comment)_/.test(name) ||
      ['join_time', 'runner_delay', 'viewers', 'sessions_lost', 'clock_uncertainty'].includes(name),
  ],
  ['EXECUTION', (name) => /^(vus|vus_max|iterations|iteration_duration|dropped_iterations)$/.test(name)],
  ['NETWORK', (name) => name === 'data_sent' || name === 'data_received'],
];
/** Shown above the sections, in words. */
const HIDDEN = new Set(['checks', 'group_duration']);

/** The text at the end of a test, in the order and look of k6's. Ends with a line feed. */
export function summaryText(data: SummaryData, options: SummaryOptions): string {
  const paint = painter(options.color);
  const lines: string[] = ['', ...thresholdLines(data, paint), '', `  █ ${paint.bold('TOTAL RESULTS')} `, ''];
  if (options.checks.length > 0) lines.push(...checkLines(data, options.checks, paint), '');
  const groups = sectionsOf(data);
  for (const [title, names] of groups) {
    lines.push(`    ${paint.bold(title)}`, ...metricLines(data, names, groups, paint), '');
  }
  if (options.mode === 'full') lines.push(...groupLines(data.root_group, '    ', paint));
  return `${lines.join('\n')}\n\n\n`;
}

interface Paint {
  bold(text: string): string;
  good(text: string): string;
  bad(text: string): string;
  dim(text: string): string;
}

function painter(color: boolean): Paint {
  const code = (before: number, after: number) => (text: string) =>
    color ? `\u001b[${before}m${text}\u001b[${after}m` : text;
  return { bold: code(1, 22), good: code(32, 39), bad: code(31, 39), dim: code(2, 22) };
}

function thresholdLines(data: SummaryData, paint: Paint): string[] {
  const watched = Object.entries(data.metrics)
    .filter(([, { thresholds }]) => thresholds)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  if (watched.length === 0) return [];
  const lines = ['', `  █ ${paint.bold('THRESHOLDS')} `, ''];
  let shown: string | undefined;
  for (const [name, metric] of watched) {
    const brace = name.indexOf('{');
    const base = brace < 0 ? name : name.slice(0, brace);
    if (base !== shown) lines.push(`    ${base}`);
    shown = base;
    const indent = brace < 0 ? '    ' : '      ';
    if (brace >= 0) lines.push(...(lines.at(-1) === '' ? [] : ['']), `${indent}${name.slice(brace)}`);
    for (const [source, { ok }] of Object.entries(metric.thresholds!)) {
      const mark = ok ? paint.good('✓') : paint.bad('✗');
      lines.push(`${indent}${mark} '${source}' ${figureOf(source, metric, data.options.summaryTimeUnit as TimeUnit)}`);
    }
    lines.push('');
  }
  return lines;
}

/** `p(95)=12ms`, or nothing where the trend's figures lack the one that is asked for. */
function figureOf(source: string, metric: MetricData, unit: TimeUnit): string {
  const figure = /^\s*([a-z]+(?:\([\d.]+\))?)/.exec(source)?.[1] ?? '';
  const value = metric.values[figure];
  if (value === undefined) return '';
  if (metric.type === 'rate') return `${figure}=${formatShare(value)}`;
  if (metric.type === 'counter' && figure === 'rate') {
    return `${figure}=${metric.contains === 'data' ? formatBytes(value) : formatNumber(value)}/s`;
  }
  return `${figure}=${formatValue(value, metric.contains, unit)}`;
}

function checkLines(data: SummaryData, checks: readonly CheckNode[], paint: Paint): string[] {
  const passes = checks.reduce((sum, each) => sum + each.passes, 0);
  const total = checks.reduce((sum, each) => sum + each.passes + each.fails, 0);
  const seconds = data.state.testRunDurationMs / 1000;
  const rate = seconds > 0 ? formatNumber(total / seconds) : '0';
  const failed = total - passes;
  const share = (count: number) => formatShare(total === 0 ? 0 : count / total);
  const wide = Math.max(String(total).length, share(passes).length, share(failed).length);
  return [
    `    ${leader('checks_total', 19)}: ${String(total).padEnd(wide)} ${rate}/s`,
    `    ${leader('checks_succeeded', 19)}: ${share(passes).padEnd(wide)} ${passes} out of ${total}`,
    `    ${leader('checks_failed', 19)}: ${share(failed).padEnd(wide)} ${failed} out of ${total}`,
    '',
    ...checks.flatMap((check) => oneCheck(check, '    ', paint)),
  ];
}

function oneCheck({ name, passes, fails }: CheckNode, indent: string, paint: Paint): string[] {
  if (fails === 0) return [`${indent}${paint.good('✓')} ${name}`];
  const percent = Math.floor((100 * passes) / (passes + fails));
  return [
    `${indent}${paint.bad('✗')} ${name}`,
    `${indent}  ↳  ${percent}% — ${paint.good('✓')} ${passes} / ${paint.bad('✗')} ${fails}`,
  ];
}

/** Sections that have metrics, with the names in them: sorted, a part behind its metric. */
function sectionsOf(data: SummaryData): [string, string[]][] {
  const names = Object.keys(data.metrics)
    .filter((name) => !HIDDEN.has(baseOf(name)))
    .sort();
  const sectionOf = (name: string) => SECTIONS.find(([, owns]) => owns(baseOf(name)))?.[0] ?? 'CUSTOM';
  return SECTIONS.map(([title]): [string, string[]] => [
    title,
    names.filter((name) => sectionOf(name) === title),
  ]).filter(([, list]) => list.length > 0);
}

function baseOf(name: string): string {
  return name.split('{', 1)[0]!;
}

function metricLines(data: SummaryData, names: string[], all: [string, string[]][], paint: Paint): string[] {
  const shown = all.flatMap(([, list]) => list);
  const unit = data.options.summaryTimeUnit as TimeUnit;
  const stats = data.options.summaryTrendStats;
  const label = (name: string) => (name.includes('{') ? `  ${braced(name)}` : name);
  const width = Math.max(...shown.map((name) => label(name).length)) + 3;
  const trends = shown.filter((name) => data.metrics[name]!.type === 'trend');
  const others = shown.filter((name) => data.metrics[name]!.type !== 'trend');
  const widths = (rows: string[][]) =>
    (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const trendRow = (name: string) => {
    const { values, contains } = data.metrics[name]!;
    return stats.map((stat) => {
      const value = values[stat]!;
      return stat === 'count' ? String(value) : formatValue(value, contains, unit);
    });
  };
  const otherRow = (name: string) => otherColumns(data.metrics[name]!, unit);
  const trendWidths = widths(trends.map(trendRow));
  const rows = others.map(otherRow);
  const otherWidths = [0, 1, 2].map((column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)));
  return names.map((name) => {
    const trend = data.metrics[name]!.type === 'trend';
    const cells = trend
      ? trendRow(name).map((cell, column) => `${stats[column]}=${cell.padEnd(trendWidths[column]!)}`)
      : otherRow(name).map((cell, column, row) =>
          column === row.length - 1 ? cell : cell.padEnd(otherWidths[column]!),
        );
    const [first, ...rest] = cells;
    return `    ${leader(label(name), width)}: ${first} ${paint.dim(rest.join(' '))}`;
  });
}

function otherColumns({ type, contains, values }: MetricData, unit: TimeUnit): string[] {
  switch (type) {
    case 'counter':
      return [
        formatValue(values['count']!, contains, unit),
        contains === 'time' ? `${formatTime(values['rate']!)}/s` : `${formatValue(values['rate']!, contains, unit)}/s`,
      ];
    case 'gauge':
      return [
        formatValue(values['value']!, contains, unit),
        `min=${formatValue(values['min']!, contains, unit)}`,
        `max=${formatValue(values['max']!, contains, unit)}`,
      ];
    default: {
      const { rate, passes, fails } = values;
      return [formatShare(rate!), `${passes} out of ${passes! + fails!}`];
    }
  }
}

/** `lag{room:a}` as `{ room:a }`. */
function braced(name: string): string {
  return `{ ${name.slice(name.indexOf('{') + 1, -1)} }`;
}

function leader(text: string, width: number): string {
  return `${text}${'.'.repeat(Math.max(0, width - text.length))}`;
}

function groupLines(group: GroupNode, indent: string, paint: Paint): string[] {
  return group.groups.flatMap((each) => [
    `${indent}↳ ${paint.bold(`GROUP: ${each.name}`)} `,
    '',
    ...each.checks.flatMap((check) => oneCheck(check, `${indent}  `, paint)),
    ...(each.checks.length > 0 ? [''] : []),
    ...groupLines(each, `${indent}  `, paint),
  ]);
}
