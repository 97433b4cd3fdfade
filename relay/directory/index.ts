export { candidates, fullness, type Wish } from './candidates.ts';
export type { DirectoryOptions } from './directory.ts';
export { DirectoryError, directoryCodes } from './errors.ts';
export { MemoryCloud } from './memory.ts';
export { parentOf } from './rendezvous.ts';
export type { Directory, DirectoryHealth, KnownRelay, RelayEntry, RelayLoad, RoomEntry } from './types.ts';
