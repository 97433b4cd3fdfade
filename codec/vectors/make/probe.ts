import { encodeHeartbeat, encodeProbe, encodeProbeReply, wrap48 } from '../../bundle/index.ts';
import { ClockSync } from '../../clock/index.ts';
import { fromHex, toHex, type VectorFile } from './hex.ts';

const TOP = 2 ** 48;

const PROBES = [
  { name: 'probe', id: 1, t1Us: 2 },
  { name: 'probe, greatest values', id: 0xffff_ffff, t1Us: TOP - 1 },
];

const REPLIES = [
  { name: 'reply', id: 0x0102_0304, t1Us: 0x0506_0708_090a, t2Us: 0x1112_1314_1516, t3Us: 0x2122_2324_2526 },
  { name: 'reply, greatest and least', id: 0xffff_ffff, t1Us: TOP - 1, t2Us: TOP - 1, t3Us: 0 },
];

const BAD: [string, string, string, string][] = [
  ['probe cut', 'probe', '02 00000001 0000000000', 'truncated'],
  ['probe and a byte', 'probe', '02 00000001 000000000000 00', 'trailing'],
  ['reply cut', 'probe_reply', `03 00000001 ${'00'.repeat(17)}`, 'truncated'],
  ['reply and a byte', 'probe_reply', `03 00000001 ${'00'.repeat(19)}`, 'trailing'],
  ['heartbeat and a byte', 'heartbeat', '04 00', 'trailing'],
];

/** t1, t2, t3, t4 */
const SAMPLES: [string, number, number, number, number][] = [
  ['equal clocks, symmetric path', 1000, 1500, 1510, 2010],
  ['peer ahead', 1000, 5_001_000, 5_001_100, 3100],
  ['peer behind', 9_000_000, 1000, 1000, 9_000_600],
  ['60 ms out and 10 ms back: wrong by 25 ms, inside rtt / 2', 1_000_000, 1_060_000, 1_060_000, 1_070_000],
  ["prober's clock wraps", TOP - 100, 5000, 5020, TOP + 120],
  ["peer's clock wraps", 1_000_000, TOP - 10, TOP + 10, 1_000_220],
  ['clocks half a wrap apart', 1000, TOP / 2 + 1000, TOP / 2 + 1100, 1300],
];

export function probeVectors(): VectorFile {
  return {
    description:
      'Probe, probe reply and heartbeat datagrams; clock_sample: what one exchange says (wire times, rtt, peer clock minus own).',
    cases: [
      ...PROBES.map(({ name, ...probe }) => ({ name, type: 'probe', hex: toHex(encodeProbe(probe)), ...probe })),
      ...REPLIES.map(({ name, ...reply }) => ({
        name,
        type: 'probe_reply',
        hex: toHex(encodeProbeReply(reply)),
        ...reply,
      })),
      { name: 'heartbeat', type: 'heartbeat', hex: toHex(encodeHeartbeat()) },
      ...BAD.map(([name, type, hex, error]) => ({ name, type, hex: toHex(fromHex(hex)), error })),
      ...SAMPLES.map(([name, t1, t2, t3, t4]) => {
        const sync = new ClockSync({ randomId: () => 7 });
        sync.nextProbe(t1);
        const verdict = sync.onReply({ id: 7, t1Us: wrap48(t1), t2Us: wrap48(t2), t3Us: wrap48(t3) }, t4);
        if (verdict !== 'taken') throw new Error(`${name}: ${verdict}`);
        const times = { t1Us: wrap48(t1), t2Us: wrap48(t2), t3Us: wrap48(t3), t4Us: wrap48(t4) };
        return { name, type: 'clock_sample', ...times, rttUs: sync.rttUs, offsetUs: sync.offsetUs };
      }),
    ],
  };
}
