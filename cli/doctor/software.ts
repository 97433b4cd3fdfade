import { release } from 'node:os';
import { engineAvailable, openEngine } from '@hayate/engine';
import { type Finding, fail, ok, reasonOf, warn } from './finding.ts';

/** Runs TypeScript as it is. */
const NODE_MAJOR = 24;

export interface SoftwareVersions {
  hayate: string;
  node: string;
  openssl: string;
  kernel: string;
}

export const versionsHere = (hayate: string): SoftwareVersions => ({
  ...{ hayate, node: process.versions.node, openssl: process.versions.openssl },
  kernel: `${process.platform} ${process.arch} ${release()}`,
});

export function checkVersions({ hayate, node, openssl, kernel }: SoftwareVersions): Finding {
  const found = `hayate ${hayate}, Node ${node}, OpenSSL ${openssl}, ${kernel}`;
  if (Number(node.split('.')[0]) >= NODE_MAJOR) return ok('versions', found);
  return fail('versions', found, `Run it with Node ${NODE_MAJOR} or newer.`);
}

/** What there is of the engine; tests bring one that is not there. */
export interface EngineProbe {
  available(): ReturnType<typeof engineAvailable>;
  /** Opens an engine with this way of input and output, and closes it. */
  tryIo(io: 'fast' | 'portable'): Promise<void>;
  env: Readonly<Record<string, string | undefined>>;
  platform: NodeJS.Platform;
}

export const engineHere: EngineProbe = {
  available: engineAvailable,
  tryIo: (io) => openEngine({ io }).close(),
  env: process.env,
  platform: process.platform,
};

/** @param wanted `transport` of the relay; a cluster's relays need the engine whatever it says */
export async function checkEngine(
  wanted: 'auto' | 'engine' | 'websocket',
  clustered: boolean,
  probe: EngineProbe,
): Promise<Finding> {
  const check = 'engine';
  if (wanted === 'websocket') {
    return warn(
      check,
      'transport is websocket: media goes over TCP',
      'Set transport to auto, where the engine can be built.',
    );
  }
  const available = probe.available();
  if (!available.ok) {
    const advice = 'Build or install the engine (npm run engine): without it media goes over TCP.';
    return wanted === 'engine' || clustered
      ? fail(check, available.reason, advice)
      : warn(check, available.reason, advice);
  }
  const told = probe.env['HAYATE_IO'] === 'portable';
  const io = told || probe.platform !== 'linux' ? 'portable' : 'fast';
  try {
    await probe.tryIo(io);
  } catch (error) {
    const found = `it is there and does not open with its ${io} input and output: ${reasonOf(error)}`;
    return fail(check, found, 'Look at what the sandbox of the unit forbids; HAYATE_IO=portable takes the other way.');
  }
  if (io === 'fast') return ok(check, 'there, with its fast input and output (epoll, recvmmsg, sendmmsg)');
  if (!told) return ok(check, `there, with the portable input and output that ${probe.platform} has`);
  const advice = 'Take HAYATE_IO out of the environment: datagrams cost more CPU than they need to.';
  return warn(check, 'HAYATE_IO=portable keeps it from its fast input and output', advice);
}
