import type { CheckCounts } from '../runner/checks.ts';
import type { MetricData, SummaryData } from './data.ts';
import { formatBytes, formatNumber, formatShare, formatTime, formatValue, type TimeUnit } from './format.ts';
import type { PartResults, Parts } from './parts.ts';

export type SummaryMode = 'compact' | 'full' | 'disabled';

export interface SummaryOptions {
  color: boolean;
  /** In the order to show them. */
  checks: readonly CheckCounts[];
  /** Scenarios and groups on their own; undefined: the total alone. */
  parts: Parts | undefined;
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
      [
        'join_time',
        'rejoin_time',
        'speak_time',
        'runner_delay',
        'runner_skipped',
        'viewers',
        'sessions_lost',
        'clock_uncertainty',
      ].includes(name),
  ],
  ['EXECUTION', (name) => /^(vus|vus_max|iterations|iteration_duration|dropped_iterations)$/.test(name)],
  ['NETWORK', (name) => name === 'data_sent' || name === 'data_received'],
];
/** Shown above the sections, in words. */
const HIDDEN = new Set(['checks', 'group_duration']);

/** The text at the end of a test, in the order and look of k6's. Ends with a line feed. */
export function summaryText(data: SummaryData, options: SummaryOptions): string {
  const look: Look = {
    paint: painter(options.color),
    unit: data.options.summaryTimeUnit as TimeUnit,
    stats: data.options.summaryTrendStats,
    seconds: data.state.testRunDurationMs / 1000,
  };
  const section = (title: string, results: PartResults) => [
    '',
    `  █ ${look.paint.bold(title)} `,
    '',
    ...resultLines(results, '    ', look),
  ];
  const total = { metrics: data.metrics, checks: [...options.checks], groups: new Map() };
  const lines = ['', ...thresholdLines(data, look), ...section('TOTAL RESULTS', total)];
  if (options.parts) {
    const { groups, scenarios } = options.parts.results(data.state.testRunDurationMs, look.stats);
    for (const [name, results] of groups) lines.push(...section(`GROUP: ${name}`, results));
    for (const [name, results] of [...scenarios].sort(([a], [b]) => a.localeCompare(b))) {
      lines.push(...section(`SCENARIO: ${name}`, results));
    }
  }
  return `${lines.join('\n')}\n\n\n`;
}

/** Checks, metrics by section, groups. */
function resultLines({ metrics, checks, groups }: PartResults, indent: string, look: Look): string[] {
  const lines = checks.length > 0 ? [...checkLines(checks, indent, look), ''] : [];
  const sections = sectionsOf(metrics);
  const line = metricLine(
    metrics,
    sections.flatMap(([, names]) => names),
    look,
  );
  for (const [title, names] of sections) {
    lines.push(`${indent}${look.paint.bold(title)}`, ...names.map((name) => `${indent}${line(name)}`), '');
  }
  for (const [name, results] of groups) {
    lines.push(`${indent}↳ ${look.paint.bold(`GROUP: ${name}`)} `, '', ...resultLines(results, `${indent}  `, look));
  }
  return lines;
}

/** What all parts of a summary share. */
interface Look {
  paint: Paint;
  unit: TimeUnit;
  /** Columns of trends. */
  stats: readonly string[];
  /** Of the test, for rates. */
  seconds: number;
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

function thresholdLines(data: SummaryData, { paint, unit }: Look): string[] {
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
      lines.push(`${indent}${mark} '${source}' ${figureOf(source, metric, unit)}`);
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

function checkLines(checks: readonly CheckCounts[], indent: string, { paint, seconds }: Look): string[] {
  const passes = checks.reduce((sum, each) => sum + each.passes, 0);
  const total = checks.reduce((sum, each) => sum + each.passes + each.fails, 0);
  const rate = seconds > 0 ? formatNumber(total / seconds) : '0';
  const failed = total - passes;
  const share = (count: number) => formatShare(total === 0 ? 0 : count / total);
  const wide = Math.max(String(total).length, share(passes).length, share(failed).length);
  return [
    `${indent}${leader('checks_total', 19)}: ${String(total).padEnd(wide)} ${rate}/s`,
    `${indent}${leader('checks_succeeded', 19)}: ${share(passes).padEnd(wide)} ${passes} out of ${total}`,
    `${indent}${leader('checks_failed', 19)}: ${share(failed).padEnd(wide)} ${failed} out of ${total}`,
    '',
    ...checks.flatMap((check) => oneCheck(check, indent, paint)),
  ];
}

function oneCheck({ name, passes, fails }: CheckCounts, indent: string, paint: Paint): string[] {
  if (fails === 0) return [`${indent}${paint.good('✓')} ${name}`];
  const percent = Math.floor((100 * passes) / (passes + fails));
  return [
    `${indent}${paint.bad('✗')} ${name}`,
    `${indent}  ↳  ${percent}% — ${paint.good('✓')} ${passes} / ${paint.bad('✗')} ${fails}`,
  ];
}

/** Sections that have metrics, with the names in them: sorted, a part behind its metric. */
function sectionsOf(metrics: PartResults['metrics']): [string, string[]][] {
  const names = Object.keys(metrics)
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

/** The way to write one of these metrics under the others: columns are as wide as all of them need. */
function metricLine(
  metrics: PartResults['metrics'],
  names: readonly string[],
  { paint, unit, stats }: Look,
): (name: string) => string {
  const label = (name: string) => (name.includes('{') ? `  ${braced(name)}` : name);
  const width = Math.max(0, ...names.map((name) => label(name).length)) + 3;
  const isTrend = (name: string) => metrics[name]!.type === 'trend';
  const widths = (rows: string[][], columns: number) =>
    Array.from({ length: columns }, (_, column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)));
  const trendRow = (name: string) => {
    const { values, contains } = metrics[name]!;
    return stats.map((stat) => {
      const value = values[stat]!;
      return stat === 'count' ? String(value) : formatValue(value, contains, unit);
    });
  };
  const otherRow = (name: string) => otherColumns(metrics[name]!, unit);
  const trendWidths = widths(names.filter(isTrend).map(trendRow), stats.length);
  const otherWidths = widths(names.filter((name) => !isTrend(name)).map(otherRow), 3);
  return (name) => {
    const cells = isTrend(name)
      ? trendRow(name).map((cell, column) => `${stats[column]}=${cell.padEnd(trendWidths[column]!)}`)
      : otherRow(name).map((cell, column, row) =>
          column === row.length - 1 ? cell : cell.padEnd(otherWidths[column]!),
        );
    const [first, ...rest] = cells;
    return `${leader(label(name), width)}: ${first} ${paint.dim(rest.join(' '))}`;
  };
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
