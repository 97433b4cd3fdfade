import type { UdpPath } from '../../lib/udp-line.ts';
import { type Client, type ClientKind, clientKinds, hybridClient } from '../../networks/clients.ts';
import type { Line } from '../../networks/line.ts';
import { type NetworkRig, openRig } from '../../networks/rig.ts';
import type { Seen } from '../../networks/viewer.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';

const LIMIT_MS = 30_000;
const FLOWS_MS = 3000;
/** From the first session by the way that it ends on: clock, playout and the relay's policy begin anew. */
const SETTLE_MS = 1500;

interface Network {
  name: string;
  udp: UdpPath;
  /** What it becomes once media flows. */
  later?: UdpPath;
  ends: 'quic' | 'websocket';
}

const NETWORKS: readonly Network[] = [
  { name: 'good UDP', udp: {}, ends: 'quic' },
  { name: 'UDP of over 1100 bytes dropped', udp: { maxBytes: 1100 }, ends: 'websocket' },
  { name: 'UDP of over 130 bytes dropped once it flows', udp: {}, later: { maxBytes: 130 }, ends: 'websocket' },
  {
    name: '30 % lost once it flows',
    udp: { delayMs: 10 },
    later: { delayMs: 10, loss: 0.3, seed: 3 },
    ends: 'websocket',
  },
  { name: '30 % lost from the beginning', udp: { delayMs: 10, loss: 0.3, seed: 5 }, ends: 'websocket' },
  { name: 'blocked 5 s after the first datagram', udp: { blockedAfterMs: 5000 }, ends: 'websocket' },
];

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function until(client: Client, done: (seen: Seen) => boolean): Promise<Seen> {
  for (const untilMs = performance.now() + LIMIT_MS; ; await wait(50)) {
    const seen = await client.seen();
    if (done(seen) || performance.now() > untilMs) return seen;
  }
}

async function through(checks: Checks, rig: NetworkRig, client: Client, network: Network): Promise<void> {
  const line: Line = await rig.line({ udp: network.udp });
  const { target, ticket } = await rig.viewer(line);
  await client.enter(target, { ticket });
  await until(client, ({ frames, packets }) => frames > 25 && packets > 25);
  if (network.later) line.udp.path = network.later;
  const settled = await until(client, ({ ways, ended }) => ways.at(-1)?.way === network.ends || ended !== undefined);
  await wait(SETTLE_MS);
  await client.reset();
  await wait(FLOWS_MS);
  const seen = await client.seen();
  const tcp = line.tcp.connections;
  const figure = { ways: seen.ways, frames: seen.frames, packets: seen.packets, p99Ms: seen.p99Ms, tcp };
  checks.figure(`${client.name}, ${network.name}`, figure);
  const label = `${client.name}, ${network.name}`;
  const last = settled.ways.at(-1)?.way;
  checks.check(last === network.ends, `${label}: ended on ${last}`);
  const share = Math.min(seen.frames, seen.packets) / (FLOWS_MS / 20);
  checks.check(share > 0.9, `${label}: then only ${share.toFixed(2)} of what is made was shown`);
  const { comment, gift } = seen.first;
  checks.check(comment !== undefined && gift !== undefined, `${label}: comment ${comment}, gift ${gift}`);
  const halves = client.name.endsWith('hybrid');
  if (network.ends === 'quic' && !halves) checks.check(tcp.taken === 0, `${label}: ${tcp.taken} TCP connections`);
  else checks.check(tcp.open === 1, `${label}: ${tcp.open} TCP connections remain`);
  await line.close();
}

async function run(context: ClaimContext) {
  const checks = new Checks();
  const rig = await openRig(['--hybrid']);
  try {
    const kinds: readonly ClientKind[] = [...clientKinds, hybridClient].filter(
      ({ name }) =>
        name !== 'Firefox' && (context.only.length === 0 || context.only.some((part) => name.includes(part))),
    );
    for (const kind of kinds) {
      if (kind.missing !== undefined) {
        checks.skip(kind.missing);
        continue;
      }
      const client = await kind.open(rig.stateDir);
      try {
        for (const network of NETWORKS) {
          context.log(`${kind.name}: ${network.name}`);
          await through(checks, rig, client, network);
        }
      } finally {
        await client.close();
      }
    }
  } finally {
    await rig.close();
  }
  // Control of a session that cannot leave a bad path: QUIC alone.
  context.log('control: QUIC alone at 30 %');
  const bare = await openRig(['--fallback', 'none']);
  const client = await clientKinds[0]!.open(bare.stateDir);
  try {
    const line = await bare.line({ udp: { delayMs: 10 } });
    const { target } = await bare.viewer(line);
    await client.enter(target, {});
    await until(client, ({ frames }) => frames > 25);
    line.udp.path = { delayMs: 10, loss: 0.3, seed: 3 };
    await wait(1000);
    await client.reset();
    await wait(FLOWS_MS);
    const { packets, ways } = await client.seen();
    const share = packets / (FLOWS_MS / 20);
    checks.figure('control, QUIC alone at 30 %: share of the voice that was heard', share);
    checks.check(share < 0.95 && ways.every(({ way }) => way === 'quic'), `30 % loss does no harm: ${share} was heard`);
    await line.close();
  } finally {
    await client.close();
    await bare.close();
  }
  return checks.outcome();
}

export const halfBrokenUdp: Claim = {
  id: 'networks.4',
  title:
    'Race: with good UDP no TCP remains; with half-broken UDP (large packets dropped; 30 % loss; blocked after 5 s) it ends on what works, in Node and Chromium. The hybrid forced in Chromium passes the same tests',
  seconds: 150,
  run,
};
