export { openEngineFixture } from './bodies/engine.ts';
export { openHybridFixture } from './bodies/hybrid.ts';
export { nodeBodies } from './bodies/index.ts';
export { openWebSocketFixture, WEBSOCKET_LACKS } from './bodies/websocket.ts';
export type { Case, Lacks } from './case.ts';
export { cases } from './cases.ts';
export { type Cell, runTable } from './cells.ts';
export type { Target } from './client.ts';
export { type Body, type Fixture, type RunningBody, runCase, skipReason } from './run.ts';
