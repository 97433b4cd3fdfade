import { type Client, clientKinds } from '../../networks/clients.ts';
import { type NetworkRig, openRig } from '../../networks/rig.ts';
import type { Seen } from '../../networks/viewer.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';

const WITHIN_MS = 1500;
const OLDEST_MS = 300;
const WAIT_MS = 15_000;
/** 20 ± 5 ms each way, and 1 % of the chunks a round trip late with all behind them. */
const LOSSY = { delayMs: 15, jitterMs: 10, loss: 0.01, seed: 7 };
const MEASURE_MS = 20_000;
const STALL_MS = 2000;
/** After a stall: a probe's back-off, the word of what came, and the playout's way back. */
const CATCH_UP_MS = 1000;
const AFTER_MS = 4000;
/** With nothing to fall back on. */
const CONTROL_MS = 5000;

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const all = ({ first }: Seen) => [first.motion, first.voice, first.comment, first.gift];

async function entered(client: Client): Promise<Seen> {
  for (const untilMs = performance.now() + WAIT_MS; ; await wait(50)) {
    const seen = await client.seen();
    if (all(seen).every((ms) => ms !== undefined) || performance.now() > untilMs) return seen;
  }
}

async function quick(checks: Checks, rig: NetworkRig, client: Client): Promise<void> {
  const line = await rig.line({ udp: { blocked: true } });
  const { target, ticket } = await rig.viewer(line);
  await client.enter(target, { ticket });
  const { first, ways } = await entered(client);
  checks.figure(`${client.name}: first of each without UDP, ms`, first);
  for (const what of ['motion', 'voice', 'comment', 'gift'] as const) {
    const ms = first[what] ?? Number.POSITIVE_INFINITY;
    checks.check(ms <= WITHIN_MS, `${client.name}: the first ${what} after ${ms} ms (target ${WITHIN_MS})`);
  }
  checks.check(ways[0]?.way === 'websocket', `${client.name}: by ${ways[0]?.way}`);
  await line.close();
}

async function fresh(checks: Checks, rig: NetworkRig, client: Client): Promise<void> {
  const line = await rig.line({ udp: { blocked: true }, tcp: LOSSY });
  const { target, ticket } = await rig.viewer(line);
  await client.enter(target, { ticket });
  await entered(client);
  await client.reset();
  await wait(MEASURE_MS);
  const steady = await client.seen();
  await client.reset();
  line.tcp.stall(STALL_MS);
  await wait(STALL_MS + CATCH_UP_MS);
  const stalled = await client.seen();
  await client.reset();
  await wait(AFTER_MS);
  const after = await client.seen();
  const ages = ({ oldestMs, p99Ms, frames, packets, frozenMs }: Seen) => ({
    oldestMs,
    p99Ms,
    frames,
    packets,
    frozenMs,
  });
  checks.figure(`${client.name}: ages at 20 ± 5 ms and 1 %, ms`, ages(steady));
  checks.figure(`${client.name}: during a stall of ${STALL_MS} ms and ${CATCH_UP_MS} ms after it, ms`, ages(stalled));
  checks.figure(`${client.name}: the ${AFTER_MS} ms after that, ms`, ages(after));
  for (const [when, seen] of Object.entries({ steady, stalled, after })) {
    const oldest = Math.max(seen.oldestMs.motion || 0, seen.oldestMs.voice || 0);
    checks.check(
      oldest <= OLDEST_MS,
      `${client.name}, ${when}: ${oldest} ms old when it was shown (target ${OLDEST_MS})`,
    );
  }
  // 50 of each a second are made.
  const share = Math.min(after.frames, after.packets) / (AFTER_MS / 20);
  checks.check(share > 0.9, `${client.name}: after the stall only ${share} of what is made is shown`);
  checks.check(stalled.frozenMs > STALL_MS / 2, `${client.name}: the stall was none (frozen ${stalled.frozenMs} ms)`);
  checks.check(after.ways.length === 1, `${client.name}: the stall cost the session`);
  await line.close();
}

async function run(context: ClaimContext) {
  const checks = new Checks();
  const rig = await openRig();
  try {
    for (const kind of clientKinds) {
      if (context.only.length > 0 && !context.only.some((part) => kind.name.includes(part))) continue;
      if (kind.missing !== undefined) {
        checks.skip(kind.missing);
        continue;
      }
      context.log(`${kind.name}: UDP dropped`);
      const client = await kind.open(rig.stateDir);
      try {
        await quick(checks, rig, client);
        await fresh(checks, rig, client);
      } finally {
        await client.close();
      }
    }
  } finally {
    await rig.close();
  }
  context.log('control: a relay without a fallback');
  const bare = await openRig(['--fallback', 'none']);
  const [node] = clientKinds;
  const client = await node!.open(bare.stateDir);
  try {
    const line = await bare.line({ udp: { blocked: true } });
    const { target, ticket } = await bare.viewer(line);
    await client.enter(target, { ticket });
    await wait(CONTROL_MS);
    const seen = await client.seen();
    checks.figure('control, no fallback: what came', seen.first);
    checks.check(seen.frames === 0 && all(seen).every((ms) => ms === undefined), 'something came without a way');
    await line.close();
  } finally {
    await client.close();
    await bare.close();
  }
  return checks.outcome();
}

export const udpDropped: Claim = {
  id: 'networks.2',
  title:
    'UDP dropped: Node, Chromium and Firefox get motion, voice, comments and gifts within 1.5 s; over the fallback at 20 ± 5 ms and 1 % loss nothing older than 300 ms is shown, and it catches up after a stall of 2 s',
  seconds: 150,
  run,
};
