import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';

/** Below what systems give to outgoing connections and to whoever asks for any port: nobody gets one of them meanwhile. */
const [FIRST_PORT, PORTS] = [12_000, 20_000];

/** TCP ports of 127.0.0.1 for servers that must be told theirs. All are held at once before any is let go: no two are the same. */
export async function freePorts(count: number): Promise<number[]> {
  const held = new Map<number, Server>();
  while (held.size < count) {
    const port = FIRST_PORT + randomInt(PORTS);
    const server = await hold(port);
    if (server) held.set(port, server);
  }
  await letGo([...held.values()]);
  return [...held.keys()];
}

/** The first of so many in a row. */
export async function freeRange(count: number): Promise<number> {
  for (;;) {
    const first = FIRST_PORT + randomInt(PORTS - count);
    const held = await Promise.all(Array.from({ length: count }, (_, n) => hold(first + n)));
    await letGo(held.filter((server) => server !== undefined));
    if (!held.includes(undefined)) return first;
  }
}

/** Undefined: somebody has it. */
function hold(port: number): Promise<Server | undefined> {
  const server = createServer();
  return new Promise((resolve) =>
    server.once('error', () => resolve(undefined)).listen(port, '127.0.0.1', () => resolve(server)),
  );
}

async function letGo(servers: readonly Server[]): Promise<void> {
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
}
