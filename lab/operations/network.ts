import { execFileSync, spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';

/** A network namespace for a relay, joined to this one by two subnets: media by the one, what watches it by the other. */
export interface RelayNetwork {
  /** Of the relay: where clients dial, and where its metrics are. */
  media: string;
  watched: string;
  /** The command before a program that is to run in there. */
  enter: readonly string[];
  /** Takes the relay's route to clients away, and gives it back. What watches the relay keeps its own. */
  block(): void;
  unblock(): void;
  close(): void;
}

const ip = (...args: string[]) => execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });

/** Undefined reason: namespaces can be made here. */
export function noNetworks(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are Linux only';
  const name = `hayate-probe-${process.pid}`;
  const made = spawnSync('ip', ['netns', 'add', name], { encoding: 'utf8' });
  if (made.status !== 0) return `ip netns add: ${made.error?.message ?? made.stderr.trim()}`;
  ip('netns', 'del', name);
  return undefined;
}

export function openNetwork(): RelayNetwork {
  const name = `hayate-${process.pid}`;
  // 198.18.0.0/15 is for tests of networks and in use nowhere.
  const [third, here, there] = [2 * randomInt(128), `hy${process.pid}a`.slice(-15), `hy${process.pid}b`.slice(-15)];
  const address = (subnet: number, host: number) => `198.18.${third + subnet}.${host}`;
  const inside = (...args: string[]) => ip('-n', name, ...args);
  ip('netns', 'add', name);
  try {
    ip('link', 'add', here, 'type', 'veth', 'peer', 'name', there, 'netns', name);
    for (const subnet of [0, 1]) {
      ip('address', 'add', `${address(subnet, 1)}/24`, 'dev', here);
      inside('address', 'add', `${address(subnet, 2)}/24`, 'dev', there);
    }
    ip('link', 'set', here, 'up');
    inside('link', 'set', there, 'up');
    inside('link', 'set', 'lo', 'up');
  } catch (error) {
    ip('netns', 'del', name);
    throw error;
  }
  const route = ['unreachable', `${address(0, 1)}/32`];
  return {
    media: address(0, 2),
    watched: address(1, 2),
    enter: ['ip', 'netns', 'exec', name],
    block: () => inside('route', 'add', ...route),
    unblock: () => inside('route', 'del', ...route),
    // The other end of the pair goes with it.
    close: () => ip('netns', 'del', name),
  };
}
