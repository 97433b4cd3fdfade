import { type Engine, engineAvailable, openEngine } from '@hayate/engine';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CASES } from './cases.ts';
import { peers, type RunningPeer } from './peers.ts';
import { runCase } from './server.ts';

/** The cases of quic-interop-runner: the engine against WebTransport clients of every make that is here. */

const available = engineAvailable();
const transfer = CASES.find(({ name }) => name === 'transfer-unidirectional-receive')!;
const handshake = CASES.find(({ name }) => name === 'handshake')!;

describe.each(peers)('$name', (peer) => {
  const reason = available.ok ? peer.missing() : `no engine: ${available.reason}`;
  let engine: Engine;
  let running: RunningPeer;

  beforeAll(async () => {
    if (reason !== undefined) return;
    engine = openEngine();
    running = await peer.start();
  }, 240_000);
  afterAll(async () => {
    await running?.close();
    await engine?.close();
  });

  for (const one of CASES) {
    test(one.name, { timeout: 90_000 }, async ({ skip }) => {
      if (reason !== undefined) skip(reason);
      expect((await runCase(engine, running, one)).faults).toEqual([]);
    });
  }

  test('controls: one wrong byte, a wrong path, a wrong certificate', { timeout: 90_000 }, async ({ skip }) => {
    if (reason !== undefined) skip(reason);
    expect((await runCase(engine, running, transfer, { damaged: 'f3' })).faults).toEqual(['f3 differs']);
    expect((await runCase(engine, running, handshake, { path: '/nope' })).faults[0]).toMatch(/^status (404|refused)/);
    expect((await runCase(engine, running, handshake, { wrongHash: true })).faults[0]).toMatch(/^status /);
  });
});
