import { describe, expect, it } from 'vitest';
import { readVectors } from '../testing/vectors.ts';
import { fromHex, toHex } from '../vectors/make/hex.ts';
import {
  answerProbe,
  datagramKind,
  encodeHeartbeat,
  encodeProbe,
  encodeProbeReply,
  encodeRefresh,
  parseHeartbeat,
  parseProbe,
  parseProbeReply,
} from './index.ts';

type ProbeCase = { name: string; type: string; hex: string; error?: string } & Record<string, unknown>;

const cases = readVectors<ProbeCase>('probe.json').filter((each) => each.type !== 'clock_sample');
const parsers: Record<string, (data: Uint8Array) => unknown> = {
  probe: parseProbe,
  probe_reply: parseProbeReply,
  heartbeat: parseHeartbeat,
};

describe('probes', () => {
  it.each(cases)('$name', ({ name: _, type, hex, error, ...fields }) => {
    const parse = (): unknown => parsers[type]!(fromHex(hex));
    if (error === undefined) expect(parse() ?? {}).toEqual(fields);
    else expect(parse).toThrow(expect.objectContaining({ code: 'datagram_malformed', reason: error }));
  });

  it.each(cases.filter((each) => each.error === undefined))('every truncation is a typed error: $name', (each) => {
    const data = fromHex(each.hex);
    for (let length = 0; length < data.length; length++) {
      expect(() => parsers[each.type]!(data.subarray(0, length))).toThrow(
        expect.objectContaining({ reason: 'truncated' }),
      );
    }
  });

  it('writes the bytes that the protocol lays out', () => {
    const reply = { id: 0xdead_beef, t1Us: 0x0102_0304_0506, t2Us: 7, t3Us: 2 ** 48 + 8 };
    expect(toHex(encodeProbeReply(reply))).toBe('03deadbeef010203040506000000000007000000000008');
    expect(toHex(encodeProbe(reply))).toBe('02deadbeef010203040506');
    expect(toHex(encodeHeartbeat())).toBe('04');
    expect(toHex(encodeRefresh(4))).toBe('07000000');
  });

  it('answers a probe with its id and time', () => {
    const reply = parseProbeReply(answerProbe(encodeProbe({ id: 5, t1Us: 6 }), 700, 800));
    expect(reply).toEqual({ id: 5, t1Us: 6, t2Us: 700, t3Us: 800 });
  });

  it('names the datagram types', () => {
    expect([1, 2, 3, 4, 5, 6, 7, 8].map((type) => datagramKind(Uint8Array.of(type)))).toEqual([
      'bundle',
      'probe',
      'probeReply',
      'heartbeat',
      'missing',
      undefined,
      'refresh',
      undefined,
    ]);
    expect(datagramKind(new Uint8Array(0))).toBeUndefined();
  });
});
