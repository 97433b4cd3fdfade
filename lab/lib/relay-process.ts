import { hayate, type Running } from './processes.ts';
import type { RelayAddress } from './raw-session.ts';

export interface RelayProcess {
  pid: number;
  /** `https://HOST:PORT/v1`. */
  url: string;
  http: string;
  /** Address of `/metrics`. */
  metrics: string;
  /** Of the service API. */
  api: string;
  /** Hex, of its certificate. */
  hashes: string[];
  stateDir: string;
  /** For its output and signals. */
  child: Pick<Running, 'signal' | 'cutOutput' | 'holdOutput' | 'stderr'>;
  /** What a viewer or liver of a room needs, by the relay's own HTTP API. */
  tokens(room: string): Promise<RelayAddress & { liverToken: string }>;
  stop(): Promise<number>;
  /** SIGKILL: nothing is closed or answered. */
  kill(): Promise<number>;
}

interface RoomAnswer {
  url: string;
  certificateHashes: string[];
  tokens: { liver: string; viewer: string };
}

/** On a machine that others use as well, whose processes stand still for a while. */
const READY_MS = 90_000;

/** Around the process: see `hayate`. */
export interface Around {
  wrap?: readonly string[];
  env?: NodeJS.ProcessEnv;
}

/** `hayate relay --dev` on free ports, ready. */
export async function startRelayProcess(
  stateDir: string,
  flags: string[] = [],
  around: Around = {},
): Promise<RelayProcess> {
  const free = ['--listen-port', '0', '--http-port', '0', '--metrics-port', '0', '--api-port', '0'];
  const child = hayate(['relay', '--dev', '--json', '--state-dir', stateDir, ...free, ...flags], around);
  const ready = JSON.parse((await child.line(/"event":"ready"/, READY_MS)).input) as {
    url: string;
    http: string;
    metrics: string;
    api: string;
    certificateHashes: string[];
  };
  return {
    pid: child.pid,
    url: ready.url,
    http: ready.http,
    metrics: ready.metrics,
    api: ready.api,
    hashes: ready.certificateHashes,
    stateDir,
    child,
    tokens: async (room) => {
      const response = await fetch(new URL('/v1/rooms', ready.http), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ room }),
      });
      const answer = (await response.json()) as RoomAnswer;
      const hash = answer.certificateHashes[0] ?? '';
      return { url: answer.url, hash, token: answer.tokens.viewer, liverToken: answer.tokens.liver };
    },
    stop: () => child.stop(),
    kill: () => child.stop('SIGKILL'),
  };
}
