import { type Finding, ok, reasonOf, skip, warn } from './finding.ts';
import type { Machine } from './machine.ts';

/** Sockets that are no sessions: those of other relays, NATS, the backend, the databases' files. */
const OTHER_DESCRIPTORS = 512;

/**
 * Buffers of UDP sockets.
 * @param wanted what the engine asks for, bytes
 */
export async function checkBuffers(machine: Machine, wanted: number): Promise<Finding[]> {
  let granted: { receive: number; send: number };
  try {
    granted = await machine.socketBuffers(wanted);
  } catch (error) {
    return [skip('kernel.buffers', `no UDP socket to try it with: ${reasonOf(error)}`)];
  }
  const both = [
    ['receive', 'rmem_max'],
    ['send', 'wmem_max'],
  ] as const;
  const looks = both.map(async ([way, name]) => {
    const check = `kernel.${name}`;
    const limit = (await machine.kernel(`proc/sys/net/core/${name}`))?.trim();
    const found = `a socket gets ${kB(granted[way])} of the ${kB(wanted)} that the engine asks for its ${way} buffer${
      limit === undefined ? '' : ` (net.core.${name} is ${limit})`
    }`;
    if (granted[way] >= wanted) return ok(check, found);
    return warn(
      check,
      found,
      `Bursts will be dropped: set net.core.${name} to 8388608, as infra/systemd/hayate.sysctl does.`,
    );
  });
  return Promise.all(looks);
}

/** @param sessions that may be open at once; over the fallback each is a descriptor */
export async function checkDescriptors(machine: Machine, sessions: number): Promise<Finding[]> {
  const check = 'limit.descriptors';
  const line = (await machine.kernel('proc/self/limits'))
    ?.split('\n')
    .find((each) => each.startsWith('Max open files'));
  if (line === undefined) return [skip(check, 'the system does not tell its limits')];
  // Node raises its own to the hard limit as it starts.
  const text = line.trim().split(/\s{2,}/)[1] ?? '';
  const limit = text === 'unlimited' ? Number.POSITIVE_INFINITY : Number(text);
  const need = sessions + OTHER_DESCRIPTORS;
  const found = `${text} open files for what is started from here; ${sessions} sessions over TCP need ${need}`;
  if (limit >= need) return [ok(check, found)];
  const advice = 'Raise it (LimitNOFILE in the unit, ulimit -n in a shell), or lower limits.maxSessions.';
  return [warn(check, found, advice)];
}

const kB = (bytes: number) => `${Math.round(bytes / 1024)} KiB`;
