import type { IncomingSession, Server, Session } from '../src/types.ts';

/** What a body may lack; each lack states its reason and skips the cases that need it. */
export type Capability =
  | 'pinning' // serverCertificateHashes
  | 'origin' // the client sends an origin that the case can choose
  | 'draining' // the client learns that the server drains
  | 'unordered' // datagrams do not wait for one another
  | 'cut' // the path between the two can be severed
  | 'timeout'; // a server that never answers can be simulated

export type Lacks = Partial<Record<Capability, string>>;

export interface ConnectTo {
  /** Default `/conformance`. */
  path?: string;
  /** Pin a hash that is not the server's. */
  wrongHash?: boolean;
  /** Dial a port where nobody listens. */
  nobody?: boolean;
  connectTimeoutMs?: number;
  signal?: AbortSignal;
}

/** The client's half runs where the body lives: in this process or in a page. It uses no Node API. */
export interface ClientEnv {
  connect(to?: ConnectTo): Session;
  readonly lacks: Lacks;
}

export interface ServerEnv {
  readonly server: Server;
  accept(): Promise<IncomingSession>;
  /** Severs the path: nothing crosses any more, nobody says goodbye. */
  cut(): void;
  /** Numbers that must return to 0 with no session open. */
  gauges(): Promise<Record<string, number>>;
  readonly lacks: Lacks;
}

export interface ServerSettings {
  maxSessions?: number;
  /** Admit only an origin that the client does not have. */
  foreignOrigin?: boolean;
}

export interface Case {
  id: string;
  title: string;
  needs?: Capability[];
  settings?: ServerSettings;
  client(env: ClientEnv): Promise<unknown>;
  server?(env: ServerEnv): Promise<unknown>;
  /** Over what the halves returned; the client's came through JSON. */
  check?(client: unknown, server: unknown): void;
}

export const PATH = '/conformance';
