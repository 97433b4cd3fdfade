import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import {
  answerProbe,
  BundleError,
  datagramKind,
  encodeBundle,
  encodeMissing,
  encodeTrunk,
  forEachUnit,
  parseBundle,
  parseHeartbeat,
  parseMissing,
  parseProbe,
  parseProbeReply,
  parseTrunk,
  SlotForwarder,
  UnitReceiver,
} from '@hayate/codec/bundle';
import type { Target } from '../guided/target.ts';
import { hexes } from './vectors.ts';

/** What it gives, or undefined where the bytes are refused as documented. */
function parsed<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof BundleError && error.code === 'datagram_malformed') return undefined;
    throw error;
  }
}

/** What is encoded again is the same: far cheaper than a comparison of all fields. */
function same(bytes: Uint8Array, wanted: Uint8Array): void {
  ok(Buffer.compare(bytes, wanted) === 0, 'encodes to other bytes the second time');
}

function bundles(data: Uint8Array): void {
  const whole = parsed(() => parseBundle(data));
  let units = 0;
  const reason = forEachUnit(data, () => {
    units += 1;
  });
  const receiver = new UnitReceiver(whole?.alias ?? 0);
  const got = receiver.receive(data);
  const forwarder = new SlotForwarder({ alias: 77, slot: 6, generation: 255 });
  const sent = forwarder.forward((whole?.baseUs ?? 0) + 10_000, { offsetUs: 0, uncertaintyUs: 500 }, data);
  if (whole === undefined) {
    ok(reason !== undefined && units === 0 && got.length === 0 && sent.downlink === undefined);
    return;
  }
  strictEqual(reason, undefined);
  strictEqual(units, whole.units.length);
  const dropped = Object.values(receiver.dropped()).reduce((sum, count) => sum + count, 0);
  strictEqual(got.length + dropped, units);
  const again = encodeBundle(whole);
  ok(again.length <= data.length);
  same(encodeBundle(parseBundle(again)), again);
  if (sent.downlink !== undefined) strictEqual(parseBundle(sent.downlink).units.length, sent.forwarded);
}

export const bundle: Target = {
  name: 'bundle',
  of: 'bundles of motion and voice: parsed, received, forwarded',
  files: [
    'codec/bundle/bundle.ts',
    'bundle/scan.ts',
    'bundle/receiver.ts',
    'bundle/forward.ts',
    'bundle/sequence.ts',
    'bundle/varint.ts',
  ],
  seeds: () => [...hexes('bundle.json'), ...hexes('trunk.json')],
  maxBytes: 1100,
  open: () => bundles,
};

function datagrams(data: Uint8Array): void {
  const kind = datagramKind(data);
  const missing = parsed(() => parseMissing(data));
  if (missing) {
    const again = encodeMissing(missing);
    same(encodeMissing(parseMissing(again)), again);
  }
  const shared = parsed(() => parseTrunk(data));
  if (shared) {
    const again = encodeTrunk(shared);
    ok(again.length <= data.length);
    same(encodeTrunk(parseTrunk(again)), again);
  }
  const probe = parsed(() => parseProbe(data));
  if (probe) {
    const reply = parseProbeReply(answerProbe(data, 1, 2));
    deepStrictEqual(
      { id: reply.id, t1Us: reply.t1Us, t2Us: reply.t2Us, t3Us: reply.t3Us },
      { ...probe, t2Us: 1, t3Us: 2 },
    );
  }
  const reply = parsed(() => parseProbeReply(data));
  const heartbeat = parsed(() => {
    parseHeartbeat(data);
    return true;
  });
  const kinds = { missing, probe, probeReply: reply, heartbeat };
  for (const [name, value] of Object.entries(kinds))
    ok(value === undefined || kind === name, `${kind} is read as ${name}`);
}

export const repair: Target = {
  name: 'repair',
  of: 'requests for lost units, shared datagrams of trunks, probes, heartbeats',
  files: ['bundle/missing.ts', 'bundle/trunk.ts', 'bundle/probe.ts', 'bundle/varint.ts'],
  seeds: () => ['missing.json', 'trunk.json', 'probe.json'].flatMap(hexes),
  maxBytes: 1300,
  open: () => datagrams,
};
