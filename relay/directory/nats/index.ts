import { BucketDirectory, type DirectoryOptions } from '../directory.ts';
import type { Directory } from '../types.ts';
import { NatsLink, type NatsLinkOptions } from './link.ts';
import { NatsSubstrate } from './substrate.ts';

export interface NatsDirectoryOptions extends DirectoryOptions {
  /** Own region: the JetStream domain that `nats` leads to. Letters, digits, `_` and `-`. */
  region: string;
  /** All regions of the cluster, this one included. */
  regions: readonly string[];
  /** A link that others use too and that stays theirs to close, or where to connect. */
  nats: NatsLink | NatsLinkOptions;
  /** Default 1. */
  replicas?: 1 | 3;
  /** How long the own domain has for an answer, ms. Default 2000; another region's: default 1000. */
  timeoutMs?: number;
  farTimeoutMs?: number;
}

/** A directory in NATS. It is there at once, connected or not; see `health()`. */
export function natsDirectory(options: NatsDirectoryOptions): Directory {
  const { region, regions, nats, replicas = 1, timeoutMs = 2000, farTimeoutMs = 1000, ...rest } = options;
  const shared = nats instanceof NatsLink;
  const link = shared ? nats : new NatsLink(nats);
  const clock = options.clock ? { clock: options.clock } : {};
  const substrate = new NatsSubstrate(link, !shared, { region, regions, replicas, timeoutMs, farTimeoutMs, ...clock });
  return new BucketDirectory(substrate, rest);
}

export { examineNats, type NatsExamination } from './examine.ts';
export { NatsLink, type NatsLinkOptions } from './link.ts';
export { subjectToken } from './token.ts';
