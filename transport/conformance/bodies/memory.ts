import { MemoryServer } from '../../memory/index.ts';
import { clientEnv, runClientHalf } from '../client.ts';
import type { Body } from '../run.ts';
import { admission, ORIGIN } from './common.ts';

export const memory: Body = {
  name: 'memory',
  lacks: { pinning: 'no certificates in memory', timeout: 'a memory server always answers' },
  unavailable: () => undefined,
  start: async () => ({
    async open(settings) {
      const server = new MemoryServer(admission(settings, ORIGIN));
      const env = clientEnv(
        server.connector({ origin: ORIGIN }),
        { url: 'https://memory', deadUrl: '', hashes: [] },
        memory.lacks,
      );
      return {
        server,
        runClient: (id) => runClientHalf(id, env),
        cut: () => server.cut(),
        gauges: async () => ({ sessions: server.openSessions, streams: server.openStreams }),
        close: () => server.close(),
      };
    },
    close: async () => {},
  }),
};
