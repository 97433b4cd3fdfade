// node lab/claims/regions/scale-docs.ts: docs/scale.md from the last results of the claims regions.4 and lag.1.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../lib/processes.ts';
import type { ClaimResult } from '../claim.ts';
import { resultsDir } from '../docs.ts';
import type { ScaleRow } from './scale.ts';

const VIEWERS = 1_000_000;
/** As the fan-out was measured. */
const VIEWERS_PER_ROOM = 20;
/** Length of a live, s: how often rooms open and close. */
const LIVE_S = 1800;
/** Of the core on which the engine's thread runs; the rest is for what comes at once. */
const BUSY = 0.7;
/** g6-standard-2: dollars an hour, GB of transfer that an hour of it adds to the pool, dollars a GB over it. */
const VM = { hour: 0.036, poolGb: 5.5, overGb: 0.005 };
/** Bytes of a relay's entry with its key and headers, as the crowd writes them. */
const ENTRY_BYTES = 450;

interface Fanout {
  cpu_us_per_viewer_s: number;
  wire_bytes_per_viewer_s: number;
}

const read = (id: string) => JSON.parse(readFileSync(join(resultsDir, `${id}.json`), 'utf8')) as ClaimResult;

const number = (value: number, digits = 0): string =>
  value.toLocaleString('en', { maximumFractionDigits: digits, minimumFractionDigits: digits }).replaceAll(',', ' ');

function provenance({ at, commit, machine: m, load }: ClaimResult): string {
  return (
    `${at.slice(0, 16).replace('T', ' ')} UTC, commit ${commit}, ${m.cores} cores of ${m.cpu}, Node ${m.node}, ` +
    `load ${load.before[0]} before and ${load.after[0]} after`
  );
}

function table(rows: [string, ScaleRow][]): string[] {
  const line = (name: string, value: (row: ScaleRow) => string | number) =>
    `| ${name} | ${rows.map(([, row]) => value(row)).join(' | ')} |`;
  return [
    `| | ${rows.map(([name]) => name).join(' | ')} |`,
    `|---|${rows.map(() => '---|').join('')}`,
    line('rooms', ({ rooms }) => number(rooms)),
    line('messages that a relay hears a second', (row) => row.messages_heard_per_relay_s),
    line("a relay's CPU for the directory, us a second", (row) => number(row.relay_cpu_us_per_s)),
    line("all servers' CPU, us a relay and second", (row) => number(row.server_cpu_us_per_relay_s)),
    line("all servers' memory, MB", (row) => number(row.server_rss_mb)),
    line('subscriptions of the crowd', (row) => number(row.subscriptions)),
    line('lookup of a room not watched, p50 / p99 ms', ({ lookup_ms: ms }) => `${ms.p50} / ${ms.p99}`),
    line('lookup of a watched room, us', (row) => row.lookup_watched_us),
    line('claim, p50 / p99 ms', ({ claim_ms: ms }) => `${ms.p50} / ${ms.p99}`),
    line('claim heard in the other region, p50 / p99 ms', ({ claim_heard_far_ms: ms }) => `${ms.p50} / ${ms.p99}`),
    line('choice of a parent, us', (row) => row.parent_us),
    line('choice of candidates, us', (row) => row.candidates_us),
    line('from start to knowing all relays, ms', (row) => number(row.join_ms)),
    line('from a death to all having dropped it, ms', (row) => number(row.death_seen_ms)),
  ];
}

function million(fanout: Fanout, large: ScaleRow, synced: ScaleRow): string[] {
  const bytesPerS = VIEWERS * fanout.wire_bytes_per_viewer_s;
  const perRelay = Math.floor((BUSY * 1_000_000) / fanout.cpu_us_per_viewer_s / 100) * 100;
  const relays = Math.ceil(VIEWERS / perRelay);
  const rooms = VIEWERS / VIEWERS_PER_ROOM;
  const gbPerHour = (bytesPerS * 3600) / 1e9;
  const over = Math.max(0, gbPerHour - relays * VM.poolGb) * VM.overGb;
  const writesPerS = (2 * rooms) / LIVE_S;
  const syncedPerS = (synced.rooms + synced.relays) / synced.fill_s;
  const heartbeats = relays * large.messages_heard_per_relay_s;
  const serverCores = (relays * large.server_cpu_us_per_relay_s) / 1e6;
  return [
    `| | |`,
    '|---|---|',
    `| egress | ${number(VIEWERS)} x ${number(fanout.wire_bytes_per_viewer_s)} B/s = ${number((bytesPerS * 8) / 1e9, 1)} Gbit/s |`,
    `| viewers a relay | ${BUSY * 100} % of the engine's core / ${fanout.cpu_us_per_viewer_s} us = ${number(perRelay)} |`,
    `| relays | ${number(relays)}, each ${number((perRelay * fanout.wire_bytes_per_viewer_s * 8) / 1e6)} Mbit/s |`,
    `| an hour of relays | ${number(relays)} x $${VM.hour} = $${number(relays * VM.hour, 2)} |`,
    `| an hour of transfer | ${number(gbPerHour)} GB, of which the relays bring ${number(relays * VM.poolGb)}: $${number(over, 2)} for the rest |`,
    `| rooms | ${number(rooms)} of ${VIEWERS_PER_ROOM}: ${number(rooms / relays)} a relay if none is shared |`,
    `| heartbeats | ${number(relays)} sent and ${number(heartbeats)} heard a second, ${number(serverCores, 2)} cores of NATS over all servers |`,
    `| rooms opened and closed | lives of ${LIVE_S / 60} minutes: ${number(writesPerS)} writes a second of the ${number(syncedPerS)} that the synced disk here took, one domain at a time |`,
  ];
}

function breaks(fanout: Fanout, large: ScaleRow, synced: ScaleRow): string[] {
  const syncedPerS = (synced.rooms + synced.relays) / synced.fill_s;
  const roomsPerRelay = large.rooms / large.relays;
  const half = large.relays / 2;
  const listMb = (large.relays * ENTRY_BYTES) / 1e6;
  return [
    `1. **Money for transfer.** A viewer costs ${number(fanout.wire_bytes_per_viewer_s)} B/s whatever the fleet looks like; the processor is idle beside it.`,
    `2. **Many origins dying at once.** A claim is a synced write in one domain, and this disk takes ${number(syncedPerS)} a second: the`,
    `   ${number(roomsPerRelay)} rooms of one relay are claimed in ${number((roomsPerRelay / syncedPerS) * 1000)} ms, those of a rack of 40 in ${number((40 * roomsPerRelay) / syncedPerS, 1)} s, of half a region of`,
    `   ${number(half)} relays in ${number((half * roomsPerRelay) / 2 / syncedPerS)} s. Media of the rooms that live goes on meanwhile. Buckets could be split by a hash of the room over`,
    '   streams with leaders on different servers before more than that is needed.',
    `3. **Everybody starting at once.** A relay that starts lists all others: ${number(listMb, 1)} MB of ${number(large.relays)} entries, ${number(large.join_ms)} ms here. All of them`,
    `   within a minute are ${number((large.relays * listMb) / 60)} MB/s from NATS; reconnects are jittered over a second, starts by whoever starts them.`,
    `4. **Interest between domains.** Each watched room is a subscription that crosses the leafnodes: ${number(large.subscriptions)} of all`,
    `   kinds here, in ${number(large.server_rss_mb)} MB over both servers. Linear; a rejoining leafnode says them all again.`,
    '5. **News of relays.** Coming, going and draining is told to all: at one change a relay and hour,',
    `   ${number((large.relays * large.relays) / 3600)} messages a second over ${number(large.relays)} relays, ${number(large.relays / 3600, 2)} to each. This is what is left of the square.`,
  ];
}

function page(scale: ClaimResult, lag: ClaimResult): string {
  const rows = Object.entries(scale.figures) as [string, ScaleRow][];
  const synced = rows[0]![1];
  const large = rows.at(-1)![1];
  const fanout = lag.figures['5 ms: hayate'] as Fanout;
  const failed = (scale.notes ?? []).map((note) => `- Falls short: ${note}`);
  const lines = [
    '# How far the directory goes',
    '',
    'Written by `node lab/claims/regions/scale-docs.ts` from the last results of the claims regions.4 and lag.1; do not edit.',
    'How it works: [directory.md](directory.md).',
    '',
    '## Measured',
    '',
    `${provenance(scale)}.`,
    '',
    'Two regions, a NATS server each, both on this machine. Eight relays are real directories over connections of their own; the',
    'others are a process that writes their entries, subscribes as they do (heartbeats of 8 relays of the region and 4 of the other,',
    'changes of relays, 100 rooms each) and heartbeats once a second for each. Half of the rooms live in each region.',
    '',
    ...table(rows),
    '',
    ...failed,
    ...(failed.length > 0 ? [''] : []),
    "- No ocean in between: in the field what crosses takes the line's 65 ms or so longer, a lookup of a new room a round trip.",
    '- Only the first column syncs each write to the disk, as a cluster must; the others would have taken minutes to fill.',
    '- The crowd stands in for relays to NATS, not for their media.',
    '',
    '## A million viewers at once',
    '',
    `By what the fan-out costs on a link of 5 ms (${provenance(lag)}), and by NATS as above. Nobody has run this; it is arithmetic.`,
    '',
    ...million(fanout, large, synced),
    '',
    'Copies between relays come on top: a room costs each relay that pulls it about one viewer who gets each packet at once.',
    '',
    '## What breaks first',
    '',
    ...breaks(fanout, large, synced),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}

writeFileSync(join(root, 'docs', 'scale.md'), page(read('regions.4'), read('lag.1')));
