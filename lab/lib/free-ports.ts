import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';

/** Below what systems give to outgoing connections and to whoever asks for any port: nobody gets one of them meanwhile. */
const [FIRST_PORT, PORTS] = [12_000, 20_000];

/** TCP ports of 127.0.0.1 for servers that must be told theirs. All are held at once before any is let go: no two are the same. */
export async function freePorts(count: number): Promise<number[]> {
  const held = new Map<number, Server>();
  while (held.size < count) {
    const port = FIRST_PORT + randomInt(PORTS);
    const server = createServer();
    const taken = await new Promise<boolean>((resolve) =>
      server.once('error', () => resolve(true)).listen(port, '127.0.0.1', () => resolve(false)),
    );
    if (!taken) held.set(port, server);
  }
  await Promise.all([...held.values()].map((server) => new Promise((resolve) => server.close(resolve))));
  return [...held.keys()];
}
