import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

/** Where the relay of this machine's developer is; what other command line verbs need to reach it. */
export interface DevState {
  /** `https://HOST:PORT/v1` */
  url: string;
  /** Hex. */
  certificateHashes: string[];
  transport: 'engine' | 'websocket';
  /** `http://HOST:PORT` */
  httpAddress: string;
  /** `http://HOST:PORT/metrics`; undefined in what an older relay wrote. */
  metricsAddress?: string | undefined;
  /** Of the service API; undefined in what an older relay wrote. */
  apiAddress?: string | undefined;
  /** The token that opens it. */
  serviceTokenFile?: string | undefined;
  /** The HS256 key that signs tokens; undefined when the relay checks by public keys only. */
  keyFile?: string | undefined;
  pid: number;
}

const stateSchema = z.object({
  url: z.string(),
  certificateHashes: z.array(z.string()),
  transport: z.enum(['engine', 'websocket']),
  httpAddress: z.string(),
  metricsAddress: z.string().optional(),
  apiAddress: z.string().optional(),
  serviceTokenFile: z.string().optional(),
  keyFile: z.string().optional(),
  pid: z.int(),
});

export const DEFAULT_STATE_DIR = '.hayate';

function fileIn(stateDir: string): string {
  return join(stateDir, 'relay.json');
}

/** Replaces the file at once, so that nobody reads half of it. Mode 0600: it says where the key is. */
export function writeDevState(stateDir: string, state: DevState): void {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const file = fileIn(stateDir);
  const fresh = `${file}.${process.pid}`;
  writeFileSync(fresh, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  renameSync(fresh, file);
}

/** What a running development relay wrote; undefined when there is none (no file, not readable, its process is gone). */
export function readDevState(stateDir: string = DEFAULT_STATE_DIR): DevState | undefined {
  let state: DevState;
  try {
    state = stateSchema.parse(JSON.parse(readFileSync(fileIn(stateDir), 'utf8')));
  } catch {
    return undefined;
  }
  return alive(state.pid) ? state : undefined;
}

/** Removes the file unless another relay has replaced it. */
export function removeDevState(stateDir: string): void {
  if (readDevState(stateDir)?.pid === process.pid) rmSync(fileIn(stateDir), { force: true });
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Another user's process: it is there.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
