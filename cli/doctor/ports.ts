import { createSocket, type Socket } from 'node:dgram';
import { connect, createServer } from 'node:net';
import { type Finding, fail, ok, reasonOf, warn } from './finding.ts';
import { answersHttp, answersQuic, type Expected } from './who-listens.ts';

const LOOPBACK_MS = 1000;

/** One address that a program of ours listens on. */
export interface Port {
  check: string;
  protocol: 'udp' | 'tcp';
  /** Undefined: every address of the machine. */
  host: string | undefined;
  /** 0: any free one. */
  port: number;
  /** The setting to change. */
  setting: string;
  /** How to see that it is one of ours who has it; UDP is always QUIC. */
  expected?: Expected;
}

/** Free, and what is sent there over loopback arrives; or taken, and it is one of ours who answers. */
export async function checkPort(port: Port): Promise<Finding> {
  const { check, protocol, setting } = port;
  const place = `${port.host ?? '*'} ${protocol === 'udp' ? 'UDP' : 'TCP'} ${port.port}`;
  if (port.port === 0) return ok(check, `${port.host ?? '*'}: any free port`);
  // Both families where no address is set, or IPv4 alone on machines without the other.
  const hosts = port.host === undefined ? ['::', '0.0.0.0'] : [port.host];
  let failed: NodeJS.ErrnoException | undefined;
  for (const host of hosts) {
    try {
      await (protocol === 'udp' ? reachUdp : reachTcp)(host, port.port);
      return ok(check, `${place} is free and answers on loopback`);
    } catch (error) {
      failed ??= error as NodeJS.ErrnoException;
      if (failed.code !== 'EAFNOSUPPORT' && failed.code !== 'EADDRNOTAVAIL') break;
    }
  }
  switch (failed?.code) {
    case 'EADDRINUSE':
      return taken(port, place);
    case 'EACCES':
    case 'EPERM':
      return fail(
        check,
        `${place} is not permitted to this user`,
        `Run it by its systemd unit, which may take ports below 1024, or set ${setting} to a higher one.`,
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return fail(
        check,
        `${port.host} is no address of this machine`,
        `Set the host beside ${setting} to one of its addresses, or to :: for all.`,
      );
    case 'LOST':
      return fail(
        check,
        `${place} is free, but what is sent there over loopback does not arrive`,
        'Look for a firewall rule (nft list ruleset) that drops packets of lo.',
      );
    default:
      return fail(check, `${place}: ${reasonOf(failed)}`, `Set ${setting} to a port that can be listened on.`);
  }
}

async function taken({ check, protocol, host, port, setting, expected }: Port, place: string): Promise<Finding> {
  const ours =
    protocol === 'udp' ? await answersQuic(dialled(host), port) : await answersHttp(dialled(host), port, expected!);
  if (ours) {
    const who = protocol === 'udp' ? 'a QUIC server, as a running relay would be,' : 'a running program of ours';
    return ok(check, `${place} is taken by ${who} and answers on loopback`);
  }
  return fail(
    check,
    `${place} is taken by another program, or by one of ours that does not answer`,
    `End that program (ss -lnp shows it), or set ${setting} to another port.`,
  );
}

/** Where to reach what listens on `host` from this machine. */
function dialled(host: string | undefined): string {
  return host === undefined || host === '::' || host === '0.0.0.0' ? '127.0.0.1' : host;
}

async function reachUdp(host: string, port: number): Promise<void> {
  const type = host.includes(':') ? 'udp6' : 'udp4';
  const socket = createSocket(type);
  try {
    await bound(socket, host, port);
    const arrived = new Promise<void>((resolve, reject) => {
      socket.once('message', () => resolve());
      setTimeout(() => reject(lost()), LOOPBACK_MS).unref();
    });
    const to = host === '::' ? '::1' : dialled(host);
    await new Promise<void>((resolve, reject) =>
      socket.send('?', port, to, (error) => (error ? reject(error) : resolve())),
    );
    await arrived;
  } finally {
    socket.close();
  }
}

function bound(socket: Socket, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ address: host, port, exclusive: true }, resolve);
  });
}

async function reachTcp(host: string, port: number): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, exclusive: true }, resolve);
  });
  try {
    const came = new Promise<void>((resolve, reject) => {
      server.once('connection', (socket) => {
        socket.destroy();
        resolve();
      });
      setTimeout(() => reject(lost()), LOOPBACK_MS).unref();
    });
    const socket = connect({ host: dialled(host), port });
    socket.on('error', () => {});
    await came.finally(() => socket.destroy());
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

const lost = () => Object.assign(new Error('nothing arrived'), { code: 'LOST' });

/** Of pages that have no access control: who listens on all addresses shows them to everybody. */
export function checkPrivate(check: string, host: string, setting: string): Finding {
  const loopback = ['127.0.0.1', '::1', 'localhost'].includes(host);
  if (loopback) return ok(check, `${host}: this machine alone`);
  const everywhere = host === '::' || host === '0.0.0.0';
  const advice = `Nobody but your own machines may reach it: set ${setting} to 127.0.0.1 or a private address, or let a firewall see to it.`;
  return warn(check, everywhere ? `${host}: every address of the machine` : host, advice);
}
