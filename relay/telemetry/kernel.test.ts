import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { parseSnmp, parseSoftnet, readKernel, socketDrops } from './kernel.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A directory that stands for the root of a machine. */
function machine(files: Record<string, string>): string {
  const dir = mkdtempSync(join(tmpdir(), 'hayate-kernel-'));
  closing.push(() => rmSync(dir, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  }
  return dir;
}

const SNMP = `Ip: Forwarding OutNoRoutes
Ip: 1 7
Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors
Udp: 100 1 4 90 3 2
`;
const UDP = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 2282: 00000000:1151 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1841136 2 0000000095329bda 5
 5439: 0100007F:E55B 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1785288 2 00000000a91ca976 9
`;

it('reads what the kernel counts, both versions of IP together', async () => {
  const root = machine({
    'proc/self/net/snmp': SNMP,
    'proc/self/net/snmp6': 'Ip6OutNoRoutes \t 2\nUdp6RcvbufErrors \t 10\nUdp6InErrors 20\n',
    'proc/self/net/udp': UDP,
    'proc/self/net/udp6': UDP,
    'proc/self/net/softnet_stat': '0f4fbb55 00000002 00000012\n0bb938b4 00000001 0000000c\n',
    'sys/class/net/eth0/statistics/rx_dropped': '11\n',
    'sys/class/net/eth0/statistics/tx_errors': '12\n',
    'sys/class/net/lo/statistics/rx_dropped': '13\n',
  });
  expect(await readKernel([0x1151, 1], root)).toEqual({
    udpErrors: { receive_buffer: 13, send_buffer: 2, in: 24, no_port: 1 },
    noRoute: 9,
    socketDrops: new Map([
      [0x1151, 10],
      [1, 0],
    ]),
    nics: [
      { device: 'eth0', direction: 'in', dropped: 11, errors: 0 },
      { device: 'eth0', direction: 'out', dropped: 0, errors: 12 },
    ],
    softnet: { dropped: 3, squeezed: 0x1e },
  });
});

it('has nothing to tell where there is no Linux', async () => {
  expect(await readKernel([1], machine({ nothing: '' }))).toBeUndefined();
});

it('tells at most 16 network cards apart', async () => {
  const cards = Array.from({ length: 40 }, (_, i) => [`sys/class/net/veth${i}/statistics/rx_dropped`, '1'] as const);
  const kernel = await readKernel([], machine({ 'proc/self/net/snmp': SNMP, ...Object.fromEntries(cards) }));
  expect(kernel!.nics).toHaveLength(32);
});

it('takes what is empty or cut off for nothing', () => {
  expect(parseSnmp('')).toEqual({});
  expect(parseSoftnet('')).toEqual({ dropped: 0, squeezed: 0 });
  expect(socketDrops(['', 'one line'], [1])).toEqual(new Map([[1, 0]]));
});

it.runIf(process.platform === 'linux')('counts a datagram that finds the buffer of a real socket full', async () => {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1 });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const sender = createSocket('udp4');
  closing.push(
    () => socket.close(),
    () => sender.close(),
  );
  const { port } = socket.address();
  const drops = async () => (await readKernel([port]))!.socketDrops.get(port)!;
  expect(await drops()).toBe(0);
  // The socket is read by the event loop, which has no turn meanwhile: sends to loopback are delivered in the call.
  const sent = Array.from(
    { length: 64 },
    () => new Promise((done) => sender.send(Buffer.alloc(1000), port, '127.0.0.1', done)),
  );
  await Promise.all(sent);
  await expect.poll(drops).toBeGreaterThan(0);
});
