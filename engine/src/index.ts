export { openEngine } from './engine.ts';
export { EngineError } from './errors.ts';
export { engineAvailable } from './native.ts';
export type * from './types.ts';
