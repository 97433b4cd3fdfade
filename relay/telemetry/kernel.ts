import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What Linux counts of the packets of this machine, or of the network namespace that the process is in. Since the boot. */
export interface KernelFigures {
  /** UDP, IPv4 and IPv6 together, by what went wrong. */
  udpErrors: Record<UdpError, number>;
  /** Packets for which there was no route, both versions. */
  noRoute: number;
  /** Datagrams that found the receive buffer of a socket full, by its local port. */
  socketDrops: Map<number, number>;
  nics: { device: string; direction: 'in' | 'out'; dropped: number; errors: number }[];
  /** Of the queue between a network card and the stack: packets that found it full, and turns that ended before it was empty. */
  softnet: { dropped: number; squeezed: number };
}

/** `in`: malformed or unchecked, full buffers included; `no_port`: nobody listened. */
type UdpError = 'receive_buffer' | 'send_buffer' | 'in' | 'no_port';

const UDP_FIELDS: [string, UdpError][] = [
  ['RcvbufErrors', 'receive_buffer'],
  ['SndbufErrors', 'send_buffer'],
  ['InErrors', 'in'],
  ['NoPorts', 'no_port'],
];

/** More than a machine has: what makes devices by the hundred (containers) must not make time series by the hundred. */
const MOST_DEVICES = 16;

/**
 * @param ports UDP ports of this relay: other programs' sockets are not its concern
 * @param root of `proc` and `sys`; tests bring their own
 * @returns undefined where there is no Linux behind it
 */
export async function readKernel(ports: readonly number[], root = '/'): Promise<KernelFigures | undefined> {
  const read = (path: string) => readFile(join(root, path), 'utf8').catch(() => '');
  // The process' own: a thread may be in another network namespace than the machine's first one.
  const net = 'proc/self/net';
  const [snmp, snmp6, udp, udp6, softnet] = await Promise.all(
    ['snmp', 'snmp6', 'udp', 'udp6', 'softnet_stat'].map((name) => read(`${net}/${name}`)),
  );
  if (!snmp) return undefined;
  const [v4, v6] = [parseSnmp(snmp), parseSnmp6(snmp6!)];
  const errors = UDP_FIELDS.map(([field, error]) => [error, (v4[`Udp${field}`] ?? 0) + (v6[`Udp6${field}`] ?? 0)]);
  return {
    udpErrors: Object.fromEntries(errors) as Record<UdpError, number>,
    noRoute: (v4['IpOutNoRoutes'] ?? 0) + (v6['Ip6OutNoRoutes'] ?? 0),
    socketDrops: socketDrops([udp!, udp6!], ports),
    nics: await nics(join(root, 'sys/class/net')),
    softnet: parseSoftnet(softnet!),
  };
}

/** `/proc/net/snmp`: two lines a protocol, names and values. */
export function parseSnmp(text: string): Record<string, number> {
  const out: Record<string, number> = {};
  const lines = text.split('\n');
  for (let at = 0; at + 1 < lines.length; at += 2) {
    const [protocol = '', ...names] = lines[at]!.split(/\s+/);
    const [, ...values] = lines[at + 1]!.split(/\s+/);
    for (const [i, name] of names.entries()) out[protocol.replace(':', '') + name] = Number(values[i]);
  }
  return out;
}

/** `/proc/net/snmp6`: a name and a value a line. */
function parseSnmp6(text: string): Record<string, number> {
  return Object.fromEntries(
    text
      .split('\n')
      .map((line) => line.split(/\s+/))
      .map(([name, value]) => [name, Number(value)]),
  );
}

/** `/proc/net/udp` and `udp6`: the port in hexadecimal behind the second column's colon, drops in the last column. */
export function socketDrops(tables: readonly string[], ports: readonly number[]): Map<number, number> {
  const out = new Map(ports.map((port) => [port, 0]));
  for (const line of tables.flatMap((table) => table.split('\n').slice(1))) {
    const columns = line.trim().split(/\s+/);
    const port = Number.parseInt(columns[1]?.split(':')[1] ?? '', 16);
    const before = out.get(port);
    if (before !== undefined) out.set(port, before + Number(columns.at(-1)));
  }
  return out;
}

/** `/proc/net/softnet_stat`: a line a core, hexadecimal: packets, dropped, squeezed. */
export function parseSoftnet(text: string): KernelFigures['softnet'] {
  const rows = text.split('\n').filter(Boolean);
  const sum = (column: number) =>
    rows.reduce((total, row) => total + Number.parseInt(row.split(/\s+/)[column] ?? '0', 16), 0);
  return { dropped: sum(1), squeezed: sum(2) };
}

async function nics(dir: string): Promise<KernelFigures['nics']> {
  const devices = (await readdir(dir).catch(() => [])).filter((name) => name !== 'lo').sort();
  const value = async (device: string, name: string) =>
    Number(await readFile(join(dir, device, 'statistics', name), 'utf8').catch(() => '0'));
  const each = async (device: string, direction: 'in' | 'out') => {
    const way = direction === 'in' ? 'rx' : 'tx';
    const [dropped, errors] = await Promise.all([value(device, `${way}_dropped`), value(device, `${way}_errors`)]);
    return { device, direction, dropped: dropped!, errors: errors! };
  };
  const rows = devices.slice(0, MOST_DEVICES).map((name) => [each(name, 'in'), each(name, 'out')]);
  return Promise.all(rows.flat());
}
