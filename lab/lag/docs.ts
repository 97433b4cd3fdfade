// node lab/lag/docs.ts: docs/lag.md and its plot from the last results of the claims lag.1 to lag.5.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PagePartsCase } from '../bench/page-parts.ts';
import type { StreamResult } from '../bench/stream.ts';
import type { ClaimResult } from '../claims/claim.ts';
import { resultsDir } from '../claims/docs.ts';
import { stallsText } from '../lib/machine-stalls.ts';
import { root } from '../lib/processes.ts';
import {
  conversationSection,
  crowdSection,
  pagePartsSection,
  physicsSection,
  propertiesSection,
} from './docs-sections.ts';
import type { MatrixRow } from './matrix.ts';
import { plot } from './plot.ts';

type Case = Omit<StreamResult['cases'][number], 'name'>;

const read = (id: string) => JSON.parse(readFileSync(join(resultsDir, `${id}.json`), 'utf8')) as ClaimResult;
const readIf = (id: string) => (existsSync(join(resultsDir, `${id}.json`)) ? read(id) : undefined);

function provenance({ at, commit, machine: m, load, stalls }: ClaimResult): string {
  return (
    `${at.slice(0, 16).replace('T', ' ')} UTC, commit ${commit}, ${m.cores} cores of ${m.cpu}, Node ${m.node}, ` +
    `load ${load.before[0]} before and ${load.after[0]} after` +
    (stalls ? `; ${stallsText(stalls)}` : '')
  );
}

function streamTable(result: ClaimResult): string[] {
  const rows = Object.entries(result.figures).flatMap(([name, value]) => {
    const [, link, what] = /^(\d+ ms): (.*)$/.exec(name) ?? [];
    const c = value as Case;
    // Other figures of the claim have no lag.
    if (!link || !what || !c.presentation_lag_ms) return [];
    const { voice, motion } = c.presentation_lag_ms;
    return [
      `| ${link} | ${what} | ${c.cpu_us_per_viewer_s} | ${c.packets_per_viewer_s} | ${c.voice_units_per_packet} | ` +
        `${c.wire_bytes_per_viewer_s} | ${c.acks_per_packet ?? ''} | ${c.ratio_to_floor} | ${voice.p50} / ${voice.p99} | ` +
        `${motion.p50} / ${motion.p99} | ${c.exact_ratio} | ${c.voice_gap_ratio} |`,
    ];
  });
  return [
    '| link | case | CPU us | packets | voice units a packet | bytes | acks a packet | times `sendmmsg` | voice p50 / p99 ms | face p50 / p99 ms | exact | voice gaps |',
    '|---|---|---|---|---|---|---|---|---|---|---|---|',
    ...rows,
  ];
}

function matrixRows(result: ClaimResult): MatrixRow[] {
  return Object.entries(result.figures).flatMap(([condition, value]) =>
    typeof value === 'object' && value !== null && 'exact_ratio' in value
      ? [{ condition, ...(value as Omit<MatrixRow, 'condition'>) }]
      : [],
  );
}

function matrixTable(rows: MatrixRow[]): string[] {
  return [
    '| network | exact | voice gaps | voice p50 / p99 ms | face p50 / p99 ms | glass to glass ms | skew p1 / p99 ms | bytes/s | of it repair | packets/s | viewers x class | asked of the liver |',
    '|---|---|---|---|---|---|---|---|---|---|---|---|',
    ...rows.map(
      (r) =>
        `| ${r.condition} | ${r.exact_ratio} | ${r.voice_gap_ratio} | ${r.voice_lag_ms.p50} / ${r.voice_lag_ms.p99} | ` +
        `${r.motion_lag_ms.p50} / ${r.motion_lag_ms.p99} | ${r.glass_to_glass_ms} | ${r.skew_ms.p1} / ${r.skew_ms.p99} | ` +
        `${r.wire_bytes_per_viewer_s} | ${r.repair_bytes_per_viewer_s} | ${r.packets_per_viewer_s} | ` +
        `${r.classes.join(', ')} | ${r.uplink} |`,
    ),
  ];
}

const shortcomings = ({ notes = [] }: ClaimResult) =>
  notes.length === 0 ? [] : ['Falls short of what was asked for:', '', ...notes.map((note) => `- ${note}`), ''];

/** Where a claim has not run yet there is no section. */
function section(result: ClaimResult | undefined, title: string, body: (result: ClaimResult) => string[]): string[] {
  if (!result) return [];
  return [`## ${title}`, '', `${provenance(result)}.`, '', ...body(result), '', ...shortcomings(result)];
}

function parts(): string[] {
  const file = join(root, 'lab', 'results', 'bench', 'page-parts.json');
  if (!existsSync(file)) return [];
  const result = JSON.parse(readFileSync(file, 'utf8')) as ClaimResult & { cases: PagePartsCase[] };
  return ['## What a page spends', '', `${provenance(result)}.`, '', ...pagePartsSection(result.cases), ''];
}

function page(stream: ClaimResult, matrix: ClaimResult): string {
  const lines = [
    '# Lag, bytes and loss, measured',
    '',
    'Written by `node lab/lag/docs.ts` from the last results of `npm run claims -- lag`; do not edit.',
    '',
    '## What the fan-out costs a viewer and second',
    '',
    `${provenance(stream)}. 40 rooms of 20 viewers on one relay process pinned to a core; viewers on the other. Opus at a`,
    'constant 24 kbit/s in packets of 20 ms, a recorded face at 30 frames/s. `unbundled` is the same relay with a budget',
    'of 20 ms: nothing to spend. `wss` is `lab/bench/stream-wss.ts`, one message a unit over TLS, with 100 viewers.',
    'The cases take turns within one run.',
    '',
    ...streamTable(stream),
    '',
    ...shortcomings(stream),
    '- Links are emulated at the clients, with jitter for livers and for one viewer a room; the others of a room share',
    '  sockets and have the mean delay. Lag, exact frames, gaps and bytes are those of that one viewer; CPU and packets',
    '  are of all. TCP cannot pass the emulated links: `wss` has its delay added on arrival, and no effect of it on TCP.',
    '- Presentation is replayed in virtual time by the schedule of the client, which fills the budget: a lag near 95 ms is',
    '  the delay it chose, not what the network took. Voice counts from the first sample, the 6.5 ms that Opus looks ahead',
    '  included.',
    '- Livers send the units and datagrams of the SDK, coded beforehand. They and the viewers whose lag is told have the core of',
    '  the other viewers, and go before these: a phone has a processor of its own.',
    '- Every viewer reports a margin of 2 ms.',
    '- Bytes are of packets with media, IPv4 and UDP headers in, without a connection id, as to a viewer on a socket of its',
    '  own. For `wss` a segment a message is assumed, with TLS, TCP and IPv4 headers.',
    '',
    ...physicsSection(stream),
    '',
    '## Networks',
    '',
    `${provenance(matrix)}. Six at a time on one relay, two rooms of four viewers each, each with links and seeds of its own.`,
    'The other hop of a condition is 5 ± 2 ms where the name says nothing of it.',
    '',
    '![Lag, exact frames and voice gaps by network](lag-matrix.svg)',
    '',
    ...matrixTable(matrixRows(matrix)),
    '',
    ...shortcomings(matrix),
    '- Glass to glass is an estimate: 50 ms for camera, tracker and display are assumed on top of the median of the face.',
    '- A frame is exact when it was decoded before it was due; a voice gap is a packet that was not there when it was due.',
    '- Livers share the machine with everything else: what they send late counts against the figures',
    `  (at most ${matrix.figures['livers_late_ms_max']} ms in this run).`,
    '',
    ...section(readIf('lag.3'), 'A conversation', conversationSection),
    ...section(readIf('lag.4'), 'A crowd', crowdSection),
    ...section(readIf('lag.5'), 'Properties, and browsers', propertiesSection),
    ...parts(),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}

const stream = read('lag.1');
const matrix = read('lag.2');
writeFileSync(join(root, 'docs', 'lag-matrix.svg'), plot(matrixRows(matrix)));
writeFileSync(join(root, 'docs', 'lag.md'), page(stream, matrix));
