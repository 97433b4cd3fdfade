import type { Server } from '../src/types.ts';
import type { Case, Lacks, ServerEnv, ServerSettings } from './case.ts';
import { within } from './helpers.ts';

/** One implementation of the transport: a client body and the server it talks to. */
export interface Body {
  readonly name: string;
  readonly lacks: Lacks;
  /** Why it cannot run here; undefined when it can. */
  unavailable(): string | undefined;
  start(): Promise<RunningBody>;
}

export interface RunningBody {
  /** The browser and its version, as it names itself. */
  readonly make?: string;
  open(settings: ServerSettings, path: { cuttable: boolean }): Promise<Fixture>;
  close(): Promise<void>;
}

/** A server of its own for one case. */
export interface Fixture extends Pick<ServerEnv, 'cut' | 'gauges'> {
  readonly server: Server;
  runClient(id: string): Promise<unknown>;
  close(): Promise<void>;
}

const CASE_DEADLINE_MS = 60_000;
const OTHER_HALF_MS = 2000;

/** Why `body` skips `one`; undefined when it does not. */
export function skipReason(body: Body, one: Case): string | undefined {
  for (const need of one.needs ?? []) {
    const reason = body.lacks[need];
    if (reason !== undefined) return reason;
  }
  return undefined;
}

export async function runCase(body: Body, running: RunningBody, one: Case): Promise<void> {
  const fixture = await running.open(one.settings ?? {}, { cuttable: one.needs?.includes('cut') ?? false });
  const sessions = fixture.server.sessions.getReader();
  const env: ServerEnv = {
    server: fixture.server,
    cut: () => fixture.cut(),
    gauges: () => fixture.gauges(),
    lacks: body.lacks,
    async accept() {
      const { value, done } = await within(sessions.read(), 'a session');
      if (done) throw new Error('the server closed');
      return value;
    },
  };
  try {
    const halves = [
      fixture.runClient(one.id).catch(named('client')),
      (one.server?.(env) ?? Promise.resolve(undefined)).catch(named('server')),
    ] as const;
    const [client, server] = await within(both(halves), 'the case', CASE_DEADLINE_MS);
    one.check?.(client, server);
  } finally {
    await fixture.close();
  }
}

/** The half that failed first may only have felt what was wrong with the other: that one has a moment to say so. */
async function both(halves: readonly [Promise<unknown>, Promise<unknown>]): Promise<[unknown, unknown]> {
  try {
    return await Promise.all(halves);
  } catch (first) {
    const said = within(Promise.allSettled(halves), 'the other half', OTHER_HALF_MS);
    const failed = (await said.catch(() => [])).flatMap((half) => (half.status === 'rejected' ? [half.reason] : []));
    if (failed.length < 2) throw first;
    throw new Error(failed.map((error: unknown) => (error as Error).message).join('; '), { cause: first });
  }
}

function named(half: string): (error: unknown) => never {
  return (error) => {
    throw new Error(`${half}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  };
}
