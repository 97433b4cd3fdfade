import type { Engine } from '@hayate/engine';
import type { ServerAddress } from '@hayate/transport';
import type { Logger } from 'pino';
import type { CommunityStore } from '../community/index.ts';
import type { Directory } from '../directory/index.ts';
import type { StaticAssets } from '../http/app.ts';
import type { Ledger, LedgerStats } from '../ledger/index.ts';
import type { Clock, SenderStats } from '../webhook/index.ts';
import type { HostStats } from './host.ts';
import type { Door } from './listen.ts';

export interface RelayDeps {
  /** Default: one of its own, where the engine is built. A given one is not closed. */
  engine?: Engine;
  /** Default: pino to stdout by `log.level`. */
  logger?: Logger;
  /** Files of a page, served beside the API. */
  assets?: StaticAssets;
  /** For tests: instead of the configured transport. */
  door?: Door;
  /** For tests: instead of the configured ledger. Not closed. */
  ledger?: Ledger;
  /** For tests: when gifts are delivered without being told of. */
  deliveryClock?: Clock;
  /** For tests: instead of NATS. Closed with the relay. */
  directory?: Directory;
  /** For tests: instead of the configured file. Closed with the relay. */
  community?: CommunityStore;
}

export interface RelayStats extends HostStats {
  /** Sessions and requests refused, by code. */
  refused: Record<string, number>;
  /** CONNECT refused before a session existed, by HTTP status. */
  connectRefused: Record<string, number>;
  comments: number;
  /** Of these, shown to nobody: a room shows at most 20 a second. */
  commentsLeftOut: number;
  /** Not sent to sessions that read slowly, counted for each of them. */
  commentsDropped: number;
  /** Payload bytes of repair to viewers. */
  repairBytes: number;
  /** Units and datagrams of publishers refused, by reason. */
  unitsRefused: Record<string, number>;
  /** Undefined where no gifts are taken. */
  ledger: LedgerStats | undefined;
  /** Of the webhook; undefined where there is none. */
  giftDelivery: SenderStats | undefined;
  /** Figures of the media plane's body, flat. */
  plane: Record<string, number>;
}

export interface RunningRelay {
  /** `engine` (QUIC) or `websocket` (fallback). */
  readonly transport: 'engine' | 'websocket';
  readonly address: ServerAddress;
  /** What clients dial. */
  readonly url: string;
  /** Hex; now, and during the days before a renewal two. */
  readonly certificateHashes: string[];
  /** `http://HOST:PORT` of the HTTP API. */
  readonly httpAddress: string;
  /** `http://HOST:PORT/metrics` */
  readonly metricsAddress: string;
  /** The HS256 key in use, when there is one. */
  readonly keyFile: string | undefined;
  /** Of gifts; undefined where none are taken. */
  readonly ledger: Ledger | undefined;
  /** `http://HOST:PORT` of the service API for the backend; empty where there is none. */
  readonly apiAddress: string;
  /** Ends the room's sessions with `room_closed`. False when there is no such room. */
  closeRoom(room: string): boolean;
  stats(): Promise<RelayStats>;
  /** Refuses new sessions, tells the present ones, waits until they left or the deadline, closes. Idempotent. */
  drain(options?: { deadlineMs?: number }): Promise<void>;
  /** At once; sessions end with `draining`. Idempotent. */
  close(): Promise<void>;
}
