import { engineAvailable, openEngine } from '@hayate/engine';
import { CASES, type InteropCase } from '../../interop/cases.ts';
import { type Peer, peers, type RunningPeer } from '../../interop/peers.ts';
import { type Outcome, runCase } from '../../interop/server.ts';
import { vitestCounts } from '../../lib/vitest.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';

/** What the runner's cases ask for and the engine has not, each with its reason. */
const GAPS: Record<string, string> = {
  'handshake: negotiation of a subprotocol':
    'wt-available-protocols is not answered: `hello` carries the version of the protocol, over every transport alike',
  'several sessions on one connection':
    'a connection carries one session, so that its congestion and its end are that session alone; a second CONNECT is refused',
};

const find = (name: string) => CASES.find((one) => one.name === name)!;

async function controls(checks: Checks, peer: Peer, running: RunningPeer, engine: ReturnType<typeof openEngine>) {
  const wrong: [string, InteropCase, Parameters<typeof runCase>[3], RegExp][] = [
    ['one wrong byte', find('transfer-bidirectional-receive'), { damaged: 'f2' }, /^f2 differs$/],
    ['a wrong path', find('handshake'), { path: '/nope' }, /^status (404|refused)/],
    ['a wrong certificate', find('handshake'), { wrongHash: true }, /^status /],
  ];
  for (const [what, one, options, expected] of wrong) {
    const { faults } = await runCase(engine, running, one, options);
    checks.check(
      faults.length === 1 && expected.test(faults[0]!),
      `${peer.name}, ${what}: ${faults.join(', ') || 'nothing noticed'}`,
    );
  }
}

async function secondSession(checks: Checks, running: RunningPeer, engine: ReturnType<typeof openEngine>) {
  let second: unknown;
  const options = {
    flags: ['--second-session'],
    onAnswer: (answer: Record<string, unknown>) => {
      second = answer['second'];
    },
  };
  const { passed } = await runCase(engine, running, find('transfer-bidirectional-receive'), options);
  checks.figure('second CONNECT on one connection', second);
  checks.check(second !== 200 && second !== undefined, `a second session on one connection: ${String(second)}`);
  checks.check(passed, 'the first session suffered from the refusal of a second one');
}

async function withPeer(checks: Checks, peer: Peer, context: ClaimContext): Promise<void> {
  const missing = peer.missing();
  if (missing !== undefined) {
    checks.skip(`${peer.name}: ${missing}`);
    return;
  }
  const engine = openEngine();
  const running = await peer.start();
  try {
    context.log(running.make);
    const row: Record<string, string> = {};
    for (const one of CASES) {
      const outcome = await runCase(engine, running, one).catch(
        (error: Error): Outcome => ({ passed: false, faults: [error.message.split('\n')[0]!], ms: 0 }),
      );
      row[one.name] = outcome.passed ? `passed, ${outcome.ms} ms` : `FAILED: ${outcome.faults.slice(0, 3).join(', ')}`;
      checks.check(outcome.passed, `${running.make}, ${one.name}: ${outcome.faults.slice(0, 3).join(', ')}`);
    }
    checks.figure(running.make, row);
    await controls(checks, peer, running, engine);
    if (peer.name === 'aioquic') await secondSession(checks, running, engine);
  } finally {
    await running.close();
    await engine.close();
  }
}

async function run(context: ClaimContext) {
  const checks = new Checks();
  const available = engineAvailable();
  if (!available.ok) {
    checks.check(false, `no engine: ${available.reason}`);
    return checks.outcome();
  }
  const wanted = ({ name }: Peer) => context.only.length === 0 || context.only.some((part) => name.includes(part));
  for (const peer of peers.filter(wanted)) await withPeer(checks, peer, context);
  checks.figure('known gaps', GAPS);
  if (context.only.length === 0) {
    context.log('a client in Python, written from docs/native-clients.md, against a relay');
    const counts = await vitestCounts(['test/native', 'test/aioquic']);
    checks.figure('python_client_tests', counts);
    if (counts.skipped > 0) checks.skip(`${counts.skipped} tests of the Python client: no python3 with aioquic`);
    checks.check(counts.failed === 0 && counts.passed > 0, `Python client: ${JSON.stringify(counts)}`);
  }
  return checks.outcome();
}

export const interop: Claim = {
  id: 'networks.5',
  title:
    "Interop: aioquic, quic-go's HTTP/3 with WebTransport framing, Chromium and Firefox ESR through the WebTransport cases of quic-interop-runner; a Python client publishes and watches; wrong bytes, paths and certificates are noticed",
  seconds: 180,
  run,
};
