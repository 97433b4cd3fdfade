export { type Clock, ManualClock, systemClock } from './clock.ts';
export type { MemoryLink } from './link.ts';
export { createMemoryPair, type MemoryLinks, MemoryServer, type MemoryServerOptions } from './server.ts';
export { MemorySession } from './session.ts';
