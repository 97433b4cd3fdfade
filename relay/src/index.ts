export { ConfigError, type ConfigSources, loadConfig, parseConfig, redactConfig } from '../config/load.ts';
export type { RelayConfig, RelayConfigInput } from '../config/schema.ts';
export { ENV_PREFIX, type Setting, settings } from '../config/settings.ts';
export { mintTicket, readTicketSigner, type TicketOptions, type TicketSigner } from '../gifts/mint.ts';
export type { RelayInfo, RoomGrant, StaticAsset, StaticAssets } from '../http/app.ts';
export { readSharedKey } from '../token/keys.ts';
export { GRANTED_ROLES, type MintOptions, mintToken, type Role } from '../token/token.ts';
export { DEFAULT_STATE_DIR, type DevState, readDevState } from './dev-state.ts';
export { type RelayDeps, type RelayStats, type RunningRelay, startRelay } from './relay.ts';
