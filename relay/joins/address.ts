import { isIPv4, isIPv6 } from 'node:net';

/**
 * Whose address this is: an IPv4 address, or the first 64 bits of an IPv6 one, for a household has all of the rest. With or
 * without port. Anything else is a key of its own.
 */
export function addressKey(remote: string): string {
  const host = /^\[(.+)\](?::\d+)?$/.exec(remote)?.[1] ?? (isIPv6(remote) ? remote : remote.replace(/:\d+$/, ''));
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(host)?.[1];
  if (mapped !== undefined && isIPv4(mapped)) return mapped;
  const [bare] = host.split('%') as [string];
  return isIPv6(bare) ? `${firstGroups(bare).join(':')}::/64` : host;
}

/** The first four of eight groups, without leading zeros. */
function firstGroups(address: string): string[] {
  const [head = '', tail = ''] = address.split('::');
  const front = head === '' ? [] : head.split(':');
  const gap = address.includes('::') ? 8 - front.length - (tail === '' ? 0 : groupsOf(tail)) : 0;
  const all = [...front, ...Array<string>(Math.max(0, gap)).fill('0'), ...(tail === '' ? [] : tail.split(':'))];
  return all.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
}

/** A dotted end stands for two. */
function groupsOf(text: string): number {
  const groups = text.split(':');
  return groups.length + (groups.at(-1)!.includes('.') ? 1 : 0);
}
