// Writes the table of metrics into docs/operations.md: node infra/prometheus/metrics-docs.ts
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { emptyState } from '../../fleet/scale/types.ts';
import { metricsPage } from '../../fleet/telemetry/page.ts';
import { Metrics } from '../../relay/telemetry/metrics.ts';

const FILE = fileURLToPath(new URL('../../docs/operations.md', import.meta.url));
const [BEGIN, END] = ['<!-- metrics: made by infra/prometheus/metrics-docs.ts -->', '<!-- end of metrics -->'];

interface MetricRow {
  /** As Prometheus has it. */
  name: string;
  type: 'counter' | 'gauge' | 'histogram';
  help: string;
}

/** What a relay shows, whether or not there is anything to show yet. */
async function relayMetrics(): Promise<MetricRow[]> {
  const rows: MetricRow[] = [];
  const metrics = new Metrics(() => Promise.reject(new Error('never read')), {
    wrap: (meter) =>
      new Proxy(meter, {
        get(target, key: keyof typeof meter) {
          const type = /^create(?:Observable)?(Counter|Gauge|Histogram)$/.exec(key)?.[1]?.toLowerCase();
          const made = target[key] as (name: string, options: { description: string }) => unknown;
          if (!type) return made.bind(target);
          return (name: string, options: { description: string }) => {
            const full = type === 'counter' ? `${name}_total` : name;
            rows.push({ name: full, type: type as MetricRow['type'], help: options.description });
            return made.call(target, name, options);
          };
        },
      }),
  });
  await metrics.close();
  return rows;
}

/** What a fleet shows. */
function fleetMetrics(): MetricRow[] {
  const counts = { placed: 0, stretched: 0, elsewhere: 0, refused: 0, replaced: 0 };
  const nothing = { relays: [], need: {}, alarms: [], transfer: {}, shares: {}, planned: [] };
  const page = metricsPage({
    dryRun: false,
    status: { owner: '', leads: false, counts, state: emptyState(), ...nothing },
  });
  return [...page.matchAll(/^# HELP (\S+) (.+)\n# TYPE \S+ (\w+)$/gm)].map(([, name, help, type]) => ({
    ...{ name: name!, help: help! },
    type: type as MetricRow['type'],
  }));
}

/** docs/operations.md with the table as it should be. */
export async function withMetrics(text: string): Promise<string> {
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`${FILE} has no place for the table`);
  const rows = [...(await relayMetrics()), ...fleetMetrics()];
  const table = rows.map(({ name, type, help }) => `| \`${name}\` | ${type} | ${help.replaceAll('|', '\\|')} |`);
  const head = ['', '| metric | type | what it is |', '|---|---|---|'];
  return `${text.slice(0, from)}${[BEGIN, ...head, ...table, '', ''].join('\n')}${text.slice(to)}`;
}

/** The committed file. */
export const committed = (): string => readFileSync(FILE, 'utf8');

if (import.meta.main) writeFileSync(FILE, await withMetrics(committed()));
