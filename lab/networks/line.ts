import { TcpLine, type TcpPath } from '../lib/tcp-line.ts';
import { UdpLine, type UdpPath } from '../lib/udp-line.ts';

/** One network to a relay: UDP and TCP on the same port. */
export interface Line {
  /** What a client dials. */
  url: string;
  udp: UdpLine;
  tcp: TcpLine;
  close(): Promise<void>;
}

/** Another pair of free ports when the second of a pair is taken. */
const TRIES = 10;

/** @param to the relay's URL, on this machine */
export async function lineTo(to: string, path: { udp: UdpPath; tcp?: TcpPath }): Promise<Line> {
  const url = new URL(to);
  const port = Number(url.port);
  for (let left = TRIES; ; left -= 1) {
    const tcp = await TcpLine.to(port, path.tcp);
    url.host = tcp.address;
    try {
      const udp = await UdpLine.to(port, path.udp, Number(url.port));
      return {
        ...{ url: url.href, udp, tcp },
        async close() {
          udp.close();
          await tcp.close();
        },
      };
    } catch (error) {
      await tcp.close();
      if (left <= 0) throw error;
    }
  }
}
