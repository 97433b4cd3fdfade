import type { Connector } from '../src/types.ts';
import { type ClientEnv, type Lacks, PATH } from './case.ts';
import { cases } from './cases.ts';

/** Where a client's half dials; plain values, so that it can be sent to a page. */
export interface Target {
  /** `https://HOST:PORT` */
  url: string;
  /** Nobody listens there. */
  deadUrl: string;
  hashes: number[][];
}

export function clientEnv(connector: Connector, target: Target, lacks: Lacks): ClientEnv {
  const hashes = target.hashes.map((bytes) => Uint8Array.from(bytes));
  return {
    lacks,
    connect: (to = {}) =>
      connector(`${to.nobody ? target.deadUrl : target.url}${to.path ?? PATH}`, {
        ...(hashes.length === 0 ? {} : { serverCertificateHashes: to.wrongHash ? [new Uint8Array(32)] : hashes }),
        ...(to.connectTimeoutMs === undefined ? {} : { connectTimeoutMs: to.connectTimeoutMs }),
        ...(to.signal === undefined ? {} : { signal: to.signal }),
      }),
  };
}

/** Runs one client's half; what it returns must survive JSON. */
export async function runClientHalf(id: string, env: ClientEnv): Promise<unknown> {
  const found = cases.find((one) => one.id === id);
  if (found === undefined) throw new Error(`no case ${id}`);
  return await found.client(env);
}

export type { Lacks } from './case.ts';
