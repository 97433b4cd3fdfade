import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { EngineError } from './errors.ts';

export interface Target {
  url: string;
  /** Without the brackets of an IPv6 address. */
  host: string;
  port: number;
}

/** Throws EngineError `bad_url`. */
export function parseTarget(url: string): Target {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch (cause) {
    throw new EngineError('bad_url', `not a URL: ${url}`, { cause });
  }
  if (parsed.protocol !== 'https:') throw new EngineError('bad_url', `a WebTransport URL begins with https: ${url}`);
  if (parsed.hash !== '') throw new EngineError('bad_url', 'a WebTransport URL has no fragment');
  const host = parsed.hostname.replace(/^\[|\]$/g, '');
  return { url: parsed.href, host, port: parsed.port === '' ? 443 : Number(parsed.port) };
}

/** Addresses that need no look-up, in the order to try; undefined: a name. */
export function knownAddresses(host: string): string[] | undefined {
  if (isIP(host) !== 0) return [host];
  // Resolvers give ::1 first on many machines, while most servers there listen on 127.0.0.1 only.
  if (host === 'localhost') return ['127.0.0.1', '::1'];
  return undefined;
}

/** The first address of each family, in the resolver's order. Throws EngineError `dns_failed`. */
export async function resolveName(host: string): Promise<string[]> {
  try {
    const found = await lookup(host, { all: true });
    const first = (family: number) => found.find((a) => a.family === family)?.address;
    const order = found[0]?.family === 6 ? [first(6), first(4)] : [first(4), first(6)];
    return order.filter((a) => a !== undefined);
  } catch (cause) {
    throw new EngineError('dns_failed', `cannot resolve ${host}`, { cause, retryable: true });
  }
}

/** One address to listen on; none where the name has none. Throws EngineError `dns_failed`. */
export async function firstAddress(host: string): Promise<string[]> {
  const [first] = knownAddresses(host) ?? (await resolveName(host));
  return first === undefined ? [] : [first];
}

/** Whether another address of the same name may do better. An answer from a server is an answer. */
export function worthAnotherAddress(kind: string): boolean {
  return kind === 'timed_out' || kind === 'transport' || kind === 'reset';
}
