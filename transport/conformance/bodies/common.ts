import { createServer } from 'node:net';
import { PATH, type ServerSettings } from '../case.ts';

export const ORIGIN = 'https://here.example';
const ELSEWHERE = 'https://elsewhere.example';

/** What a server of any body is opened with. */
export function admission(settings: ServerSettings, origin: string) {
  return {
    paths: [PATH],
    origins: [settings.foreignOrigin ? ELSEWHERE : origin],
    ...(settings.maxSessions === undefined ? {} : { maxSessions: settings.maxSessions }),
  };
}

export async function unusedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
