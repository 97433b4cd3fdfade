import type { ConversationResult } from '../bench/conversation.ts';
import type { PagePartsCase } from '../bench/page-parts.ts';
import type { StreamResult } from '../bench/stream.ts';
import type { ClaimResult } from '../claims/claim.ts';
import type { CrowdResult } from './crowd.ts';
import type { EightRow } from './eight.ts';
import type { budget, liars, recovery, steadiness, voiceHour } from './simulated.ts';
import type { BrowserRow } from './viewers.ts';

type Case = ConversationResult['cases'][number];

const counts = (values: Record<string, number>) =>
  Object.entries(values)
    .map(([name, n]) => `${name}: ${n}`)
    .join(', ') || 'none';

/** Figures that are objects with `key`, by name. */
function rowsWith<T>({ figures }: ClaimResult, key: string): [string, T][] {
  return Object.entries(figures).flatMap(([name, value]) =>
    typeof value === 'object' && value !== null && key in value ? [[name, value as T] as [string, T]] : [],
  );
}

const half = ({ p50, p99 }: { p50: number | null; p99: number | null }) => `${p50} / ${p99}`;

/** Why the cost of few packets does not fall with their number, and where 100 ms go on links of 20. */
/** What of a 99th percentile is the host's and not the product's. */
function hostBullet({ stalls }: ClaimResult): string[] {
  if (!stalls || stalls.stalled_percent < 1) return [];
  const { stalled_percent, per_s, longest_ms } = stalls;
  return [
    `- **The host takes its cores away.** This is a virtual machine. Idle, just before this run, ${stalled_percent} % of windows of 20 ms had`,
    `  a piece of work of 0.1 ms that took over ten times as long, both cores at once, ${per_s} times a second (longest ${longest_ms} ms). Under`,
    '  load what queued meanwhile is worked off after it. A stall holds up whatever is on its way: where more than 1 % of the time is',
    '  such, the 99th percentile is of them.',
  ];
}

export function physicsSection(result: ClaimResult): string[] {
  const { figures } = result;
  type Case = StreamResult['cases'][number];
  const cost = [5, 20].map((link) => {
    const hayate = figures[`${link} ms: hayate`] as Case;
    const unbundled = figures[`${link} ms: unbundled`] as Case;
    const packets = unbundled.packets_per_viewer_s - hayate.packets_per_viewer_s;
    const each = (unbundled.cpu_us_per_viewer_s - hayate.cpu_us_per_viewer_s) / packets;
    const fixed = hayate.cpu_us_per_viewer_s - each * hayate.packets_per_viewer_s;
    const script = hayate.cpu_us_per_viewer_s - (hayate.engine_cpu_us_per_viewer_s ?? Number.NaN);
    const floor = hayate.floor_us_per_packet * hayate.packets_per_viewer_s;
    const values = [each, fixed, script, floor].map((us) => us.toFixed(1)).join(' | ');
    return `| ${link} ms | ${hayate.cpu_us_per_viewer_s} | ${values} | ${hayate.acks_per_packet} | ${unbundled.acks_per_packet} |`;
  });
  const late = figures['20 ms: livers late, ms'] as StreamResult['livers_late_ms'];
  return [
    '### Where it falls short, and why',
    '',
    'us a viewer and second. *One more packet* is the difference between unbundled and bundled, divided by that of their',
    'packets; *the rest* is what is left when all packets cost that much.',
    '',
    '| link | hayate | one more packet | the rest | of it JavaScript | `sendmmsg` alone | acks a packet | unbundled |',
    '|---|---|---|---|---|---|---|---|',
    ...cost,
    '',
    '- **The rest does not fall with the number of packets.** It is waking up, reading acknowledgements, and memory of',
    '  connections that is cold each time; few packets find each of them as cold as many do.',
    '- **One acknowledgement a packet.** Datagrams are ack-eliciting, and the longest delay that a receiver may be asked for is',
    '  max(round trip, 25 ms) in QUIC as implemented: a viewer that gets a packet each 60 ms acknowledges each one, one that',
    '  gets 80 a second every second one. So a bundled packet costs a reception as well, with a wake-up and a cold connection.',
    '- **Wake-ups could be saved for lag,** by turns of the forwarding thread that are further apart. It is not done: on links of',
    '  20 ms what the budget leaves is less than that.',
    '- **Links of 20 ms stand on the edge.** One voice packet 20 ms, look-ahead of Opus 6.5, both hops at their 99th percentile',
    `  48.6, holding one packet 20, reserve of playout 2: 97.1 of 100 ms. Livers on this machine add ${late.p99} ms at p99 (at most ${late.max});`,
    '  a phone has a processor of its own. What is late by more than the 3 ms left either costs the second packet a datagram',
    '  or shows in the p99.',
    ...hostBullet(result),
  ];
}

export function conversationSection(result: ClaimResult): string[] {
  const rows = rowsWith<Case>(result, 'conversation_ms').map(([name, c]) => {
    const { comment, screen, packet, voice, playout } = c.parts_ms;
    return (
      `| ${name} | ${c.answers} | ${half(c.conversation_ms)} | ${half(comment)} | ${half(screen)} | ${half(packet)} | ` +
      `${half(voice)} | ${half(playout)} | ${c.interactive_at_once} of ${c.interactive} | ${counts(c.others_by_n)} |`
    );
  });
  return [
    `Links of ${result.figures['link_ms']}; a tenth of the viewers talk. All in ms, p50 / p99: from a comment to the`,
    'first voice sample that the liver spoke after having seen it, in the ear of the fan who commented. The cases run one',
    'after the other.',
    '',
    '| case | answers | whole | comment to liver | to its screen (60 Hz) | until its packet is full | voice to fan | until it sounds | sent at once | the others |',
    '|---|---|---|---|---|---|---|---|---|---|',
    ...rows,
    '',
    '- Fans and livers use the whole SDK. The screen is a clock of 60 Hz with a phase a liver; the answer is the next sample,',
    '  not a thinking human.',
    '- The ear is the hand-off to the sound device; the 6.5 ms that Opus looks ahead are in.',
    '- The rooms of the control are so far away that the target cannot be met.',
  ];
}

/** Results from before a figure was measured have none. */
const row = (name: string, value: string | number | undefined) =>
  value === undefined ? [] : [`| ${name} | ${value} |`];

export function crowdSection(result: ClaimResult): string[] {
  const { figures } = result;
  const of = <K extends keyof CrowdResult>(name: K) => figures[`crowd: ${name}`] as CrowdResult[K];
  if (of('cpu_percent') === undefined) return ['The run did not come to an end.'];
  const { relay, relay_engine, viewers, livers, all } = of('cpu_percent');
  const { voice, motion } = of('presentation_lag_ms');
  const { sent, arrived } = of('units');
  const waits = of('waits_for_core_percent');
  const eights = rowsWith<EightRow>(result, 'largest_bundle_bytes').map(
    ([name, r]) =>
      `| ${name.replace('eight livers, ', '')} | ${r.largest_bundle_bytes} | ${r.bytes_a_hold} | ${r.packets_per_viewer_s} | ` +
      `${r.wire_bytes_per_viewer_s} | ${r.lost_ratio} | ${r.voice_gap_ratio} | ${r.exact_ratio} |`,
  );
  return [
    `${of('all_viewers')} viewers in ${of('rooms')} rooms on one relay, livers and viewers on the same two cores; links of`,
    `${of('link')} ms. Livers and viewers are sessions without the SDK; one viewer in every fifth room looks at each unit.`,
    '',
    '| figure | value |',
    '|---|---|',
    `| CPU, % of one core | relay ${relay} (its engine ${relay_engine}), viewers ${viewers}, livers ${livers}: ${all} of 200 |`,
    `| ready to run without a core, % of the time | the relay's engine ${waits.relay}, the viewers' ${waits.viewers}, the livers' ${waits.livers} |`,
    `| relay, us a viewer and second | ${of('relay_cpu_us_per_viewer_s')} |`,
    `| relay memory a viewer, KB | ${of('rss_kb_per_viewer')} |`,
    ...row('of it the heap of JavaScript', of('heap_kb_per_viewer')),
    `| units sent / arrived | ${sent} / ${arrived} |`,
    `| dropped by the relay | ${counts(of('dropped'))} |`,
    ...row('when', of('dropped_when') && counts(of('dropped_when'))),
    ...row("the relay's engine late by 20 ms and more, times", of('stalls')),
    `| voice p50 / p99, ms | ${half(voice)} |`,
    `| face p50 / p99, ms | ${half(motion)} |`,
    `| viewers by class | ${counts(of('viewers_by_class'))} |`,
    `| gauges after everybody left | ${counts(of('gauges').after)} |`,
    '',
    'Eight livers in one room:',
    '',
    '| room | largest bundle, bytes | bytes a hold | packets/s | bytes/s | lost | voice gaps | exact |',
    '|---|---|---|---|---|---|---|---|',
    ...eights,
    '',
    ...hostBullet(result),
    '- Eight voices and faces need over 200 kbit/s. The last step of the ladder gives a link of 64 kbit/s one voice: seven of',
    '  eight, a share of 0.875, and all faces are not sent, and count as lost and as gaps.',
  ];
}

export function propertiesSection(result: ClaimResult): string[] {
  const figure = <T>(name: string) => result.figures[`simulated: ${name}`] as T | undefined;
  const kept = figure<ReturnType<typeof budget>>('budget');
  const steady = figure<ReturnType<typeof steadiness>>('no oscillation');
  const back = figure<ReturnType<typeof recovery>>('recovery after bursts');
  const lied = figure<ReturnType<typeof liars>>('report liars');
  const hour = figure<ReturnType<typeof voiceHour>>('an hour of voice');
  if (!kept || !steady || !back || !lied || !hour) return ['The run did not come to an end.'];
  const gaps = [hour['mic +200, card -200 ppm'].gap_ratio, hour['mic -200, card +200 ppm'].gap_ratio].join(' and ');
  const browsers = rowsWith<BrowserRow>(result, 'compared').flatMap(([browser, { compared }]) =>
    Object.entries(compared).map(
      ([name, { browser: here, node, noise }]) => `| ${browser} | ${name} | ${here} | ${node} | ${noise} |`,
    ),
  );
  return [
    'In simulated time:',
    '',
    '| property | figure | control |',
    '|---|---|---|',
    `| the budget is kept | on ${kept.kept} of ${kept.paths} random paths; at most ${kept.most_over_ms} ms over | ${kept.control.what}: p99 ${kept.control.p99_ms} of ${kept.control.budget_ms} ms |`,
    `| no oscillation at the edge | ${steady.most_changes_in_570_s} changes of a class in 570 s | ${steady.control.what}: ${steady.control.most_changes_in_570_s} |`,
    `| recovery after bursts | old class after ${back.seconds_to_the_old_class} s, p99 ${back.p99_ms_after} ms, ${back.units_missing_after} units missing | ${back.control.what}: ${back.control.seconds_to_the_old_class ?? 'never'} |`,
    `| report liars | ${lied.lies.length} lies changed ${lied.lies_that_changed_anything_for_others} times anything for others, gained repair ${lied.lies_that_gained_repair} times | ${lied.control.what}: n ${lied.control.n_at_5_ms} at 5 ms, ${lied.control.n_at_60_ms} at 60 |`,
    `| an hour of voice, crystals 400 ppm apart | gaps ${gaps} | ${hour.control.what}: ${hour.control.gap_ratio} |`,
    '',
    `Browsers with the demo's page beside two Node clients, each behind a link of its own; delays in ms, ${result.figures['browsers: link_ms']}:`,
    '',
    '| browser | figure | in the browser | Node | noise |',
    '|---|---|---|---|---|',
    ...browsers,
    '',
    '- Lags are from capture to presentation by the schedule of each client; canvas and sound device come on top.',
    '- A page draws in a worker and is cross-origin isolated (a clock finer than a ms). Its datagrams are handled when its',
    '  thread runs, at the priority that its browser gives it; the engine of a Node client reads them on a thread of its own',
    '  ahead of that. Relay, livers and links run ahead of all viewers, and no viewer is put ahead of another.',
    '- Noise: three standard deviations of what the Node clients show among themselves, and what clocks or counting cannot',
    '  tell apart.',
  ];
}

/** What `npm run bench -- page-parts --save` kept. */
export function pagePartsSection(cases: readonly PagePartsCase[]): string[] {
  const rows = cases.map((c) => {
    const page = c.threads['page'] ?? {};
    const of = (part: string) => page[part] ?? 0;
    const worker = c.threads['/draw-worker.js']?.['draw'] ?? '';
    return (
      `| ${c.name} | ${c.fps} | ${half(c.face_to_screen_ms)} | ${half(c.arrival_ms)} | ${of('receive')} | ${of('decode')} | ` +
      `${of('playout')} | ${of('sound')} | ${of('draw')} | ${of('browser')} | ${of('idle')} | ${worker} | ` +
      `${c.processes['renderer']} / ${c.processes['GPU']} |`
    );
  });
  return [
    'A viewer in Chromium, ms of each second. Parts are of a sampling profiler, by the source that runs; the rest was',
    'measured before it ran. `npm run bench -- page-parts`.',
    '',
    '| case | fps | face to screen p50 / p99 ms | arrival p50 / p99 ms | receive | decode | playout | sound | draw | layout, paint, engine | idle | worker: draw | CPU of renderer / GPU process |',
    '|---|---|---|---|---|---|---|---|---|---|---|---|---|',
    ...rows,
    '',
    '- The columns from receive to idle are of the thread that receives. Software paints what `draw` asked for later: in',
    '  the engine, on the same thread. Face to screen holds what a worker takes to draw and to be heard of, but not that',
    '  later painting on the page, so that the two rows cannot be subtracted.',
  ];
}
