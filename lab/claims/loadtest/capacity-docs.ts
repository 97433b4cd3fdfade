// Writes docs/capacity.md from the result of loadtest.5.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClaimResult } from '../claim.ts';
import { resultsDir } from '../docs.ts';
import type { Capacity } from './capacity.ts';

/** A Linode 4GB (g6-standard-2), list prices of November 2026. */
const VM = { cpus: 2, memoryMb: 4096, transferGb: 4000, dollarsAMonth: 24, dollarsAGb: 0.005 };
/** Left for the system. */
const SYSTEM_MB = 512;
/** Share of its core at which the forwarding thread still has room for joins and bursts; above 0.75 it calls itself busy. */
const ENGINE_SHARE = 0.6;
const MONTH_HOURS = 730;
/** Viewers of a room in the measurement. */
const ROOM_VIEWERS = 20;

/** Measurements by their names, in their order. */
function rowsOf({ figures }: ClaimResult): [string, Capacity][] {
  return Object.entries(figures).filter((entry): entry is [string, Capacity] => {
    return typeof entry[1] === 'object' && entry[1] !== null && 'viewers_a_core' in entry[1];
  });
}

/** What one VM carries of viewers like those that were measured. */
export function carried(row: Capacity) {
  const byCpu = Math.min(
    (ENGINE_SHARE * 1e6) / row.engine_us_per_viewer_s,
    (ENGINE_SHARE * VM.cpus * 1e6) / row.cpu_us_per_viewer_s,
  );
  const byMemory = ((VM.memoryMb - SYSTEM_MB - row.rss_mb_idle) * 1024) / row.rss_kb_per_viewer;
  const viewerHours = (VM.transferGb * 1000) / row.mb_per_viewer_hour;
  const atOnce = Math.min(byCpu, byMemory);
  return {
    byCpu: Math.floor(byCpu),
    byMemory: Math.floor(byMemory),
    /** A month's pool. */
    viewerHours: Math.floor(viewerHours),
    /** Round the clock, so that the pool just suffices. */
    always: Math.floor(viewerHours / MONTH_HOURS),
    mbits: (atOnce * row.bytes_per_viewer_s * 8) / 1e6,
    /** Dollars for a thousand viewer-hours: in the pool when it is used up, and beyond it. */
    inPool: (VM.dollarsAMonth / viewerHours) * 1000,
    beyond: row.mb_per_viewer_hour * VM.dollarsAGb,
  };
}

const thousands = (value: number) => value.toLocaleString('en-US').replaceAll(',', ' ');

/** The text of docs/capacity.md. */
export function page(result: ClaimResult | undefined): string {
  if (!result) {
    return '# Capacity\n\nNot measured yet: `npm run claims -- loadtest.5`, then `node lab/claims/loadtest/capacity-docs.ts`.\n';
  }
  const { machine } = result;
  const rows = rowsOf(result);
  const { rss_mb_idle: idleMb } = rows[0]![1];
  const lines = [
    '# Capacity',
    '',
    `Made by \`node lab/claims/loadtest/capacity-docs.ts\` from the last result of \`npm run claims -- loadtest.5\`: ${result.at.slice(0, 10)}, commit`,
    `${result.commit}, ${machine.cores} cores of ${machine.cpu}, kernel ${machine.kernel}, Node ${machine.node}, relay and load on the same cores.`,
    '',
    '## Measured',
    '',
    `${rows[0]![1].viewers} viewers in rooms of ${ROOM_VIEWERS}, one liver each: motion at 30 frames a second and Opus at 24 kbit/s, all watch`,
    '(`loadtest/scripts/steady.ts`). The delay is that of each link, one way; DTX leaves silence out, of a voice that',
    'speaks and pauses.',
    '',
    '| link, voice | viewers a core | CPU of forwarding, us a viewer and second | memory, kB a viewer | packets/s a viewer | B/s a viewer | MB a viewer-hour | motion lag p99, ms | voice lag p99, ms |',
    '|---|---|---|---|---|---|---|---|---|',
    ...rows.map(([name, row]) =>
      [
        '',
        name,
        row.viewers_a_core,
        row.engine_us_per_viewer_s,
        row.rss_kb_per_viewer,
        row.packets_per_viewer_s,
        row.bytes_per_viewer_s,
        row.mb_per_viewer_hour,
        row.motion_lag_p99_ms?.toFixed(1),
        row.voice_lag_p99_ms?.toFixed(1),
        '',
      ]
        .join(' | ')
        .trim(),
    ),
    '',
    '- Viewers a core: of all the relay’s threads together, kernel included. Forwarding is one thread of them.',
    `- Memory: on top of the ${idleMb} MB of a relay with nobody in it.`,
    '- Bytes: what the relay sends, UDP payloads by its own count and 28 bytes of IPv4 and UDP a datagram.',
    '- A viewer who has just joined gets every packet at once for 10 s and costs several times as much; one on a lossy path',
    '  costs more for repair ([lag.md](lag.md)). Comments and presence come on top.',
    '- Lags are of the whole test, joins included, with livers, viewers and relay on the same cores; a phone is late on its',
    '  own. What the script asks of lag and voice, and did not get:',
    ...rows.map(([name, { crossed }]) => `  ${name}: ${crossed === '' ? 'nothing' : crossed.replaceAll('_', ' ')};`),
    '- Where livers are late, what the budget leaves is not enough to bundle: the packets of each row say whether it was',
    '  ([lag.md](lag.md), "Where it falls short").',
    ...(result.notes ?? []).map((note) => `- Falls short: ${note}`),
    '',
    `## A Linode 4GB (${VM.cpus} CPU, ${VM.memoryMb / 1024} GB, ${VM.transferGb / 1000} TB a month, $${VM.dollarsAMonth})`,
    '',
    '| link, voice | at once, by CPU | at once, by memory | Mbit/s then | viewer-hours in the month’s transfer | that is round the clock | $ for 1000 viewer-hours, in it / beyond |',
    '|---|---|---|---|---|---|---|',
    ...rows.map(([name, row]) => {
      const on = carried(row);
      return `| ${name} | ${thousands(on.byCpu)} (${Math.floor(on.byCpu / ROOM_VIEWERS)} rooms) | ${thousands(on.byMemory)} | ${on.mbits.toFixed(0)} | ${thousands(on.viewerHours)} | ${thousands(on.always)} viewers | ${on.inPool.toFixed(3)} / ${on.beyond.toFixed(3)} |`;
    }),
    '',
    `- Computed, not measured there: forwarding at ${ENGINE_SHARE * 100} % of one core (the relay calls itself busy above 75 %), all threads at`,
    `  ${ENGINE_SHARE * 100} % of both, ${SYSTEM_MB} MB for the system. A shared CPU is slower than the one above by as much as its owner says: measure.`,
    `- Transfer beyond the pool is $${VM.dollarsAGb} a GB in most regions. Only what goes out counts.`,
    '- CPU bounds the evening, transfer the month: an evening that fills the CPU may last so long that the month’s',
    '  viewer-hours are used up, and not longer.',
    '',
    '## Repeat it on the real machine',
    '',
    'Start the relay there, and the load from another machine, which needs a core for 3000 viewers (loadtest.2):',
    '',
    '```sh',
    'hayate loadtest run loadtest/scripts/steady.ts --env ROOMS=100 --env VIEWERS=20 --env SECONDS=120 --env JOIN_SECONDS=60 \\',
    '  --env HAYATE_URL=https://HOST:PORT/v1 --env HAYATE_TOKEN_KEY=FILE --env HAYATE_METRICS=http://HOST:PORT/metrics \\',
    '  --report report.html',
    '```',
    '',
    '`ramp.ts` adds viewers until the lag’s p99 leaves the budget, and so finds the knee by itself.',
  ];
  return `${lines.join('\n')}\n`;
}

/** The last result; undefined before the first. */
export function lastResult(): ClaimResult | undefined {
  const file = join(resultsDir, 'loadtest.5.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as ClaimResult) : undefined;
}

if (import.meta.main) writeFileSync(join(import.meta.dirname, '../../../docs/capacity.md'), page(lastResult()));
