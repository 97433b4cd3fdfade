export { issueCertificate, makeAuthority } from './authority.ts';
export { openEngine } from './engine.ts';
export { EngineError } from './errors.ts';
export { engineAvailable, type PemPair } from './native.ts';
export { SOCKET_BUFFER_BYTES } from './options.ts';
export type * from './types.ts';
