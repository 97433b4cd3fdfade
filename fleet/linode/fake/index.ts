// For tests and experiments: nothing that runs a fleet imports this.
export { FakeLinode, type FakeLinodeOptions } from './fake.ts';
export type { Fault, Faults } from './faults.ts';
export type { RateLimit, RateLimits } from './limits.ts';
export { type FakeLinodeServer, serveFakeLinode } from './server.ts';
export type { FakeMachine } from './world.ts';
