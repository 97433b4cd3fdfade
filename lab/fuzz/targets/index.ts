import type { Target } from '../guided/target.ts';

/** Loaded one by one: a worker needs no more than its own. */
const LOADERS: Record<string, () => Promise<Target>> = {
  bundle: async () => (await import('./bundle.ts')).bundle,
  repair: async () => (await import('./bundle.ts')).repair,
  messages: async () => (await import('./messages.ts')).messages,
  face: async () => (await import('./face.ts')).face,
  clock: async () => (await import('./clock.ts')).clock,
  websocket: async () => (await import('./frames.ts')).websocket,
  token: async () => (await import('./tokens.ts')).token,
  ticket: async () => (await import('./tokens.ts')).ticket,
  http: async () => (await import('./http.ts')).http,
  service: async () => (await import('./http.ts')).service,
};

/** The negative control. */
export const PLANTED = 'planted';

/** All but the negative control. */
export const TARGET_NAMES: readonly string[] = Object.keys(LOADERS);

/** Throws for a name that there is not. */
export async function loadTarget(name: string): Promise<Target> {
  if (name === PLANTED) return (await import('./planted.ts')).plantedFault;
  const load = LOADERS[name];
  if (load === undefined) throw new Error(`no target is called ${name}`);
  return await load();
}
