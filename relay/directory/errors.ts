import { HayateError } from '@hayate/codec/errors';
import type { RoomEntry } from './types.ts';

/** Every code of the directory: whether the same call may succeed later, and what it means. The table of docs/directory.md. */
export const directoryCodes = {
  directory_unavailable: {
    retryable: true,
    meaning: 'the domain that has to answer cannot be reached, or has no quorum',
  },
  epoch_conflict: { retryable: false, meaning: 'the room has another epoch by now: go by the entry that is there' },
  room_unknown: { retryable: false, meaning: 'the directory has no such room, or it is closed' },
  directory_closed: { retryable: false, meaning: 'this directory was closed' },
} as const;

export type DirectoryCode = keyof typeof directoryCodes;

export class DirectoryError extends HayateError {
  override readonly name = 'DirectoryError';
  /** With `epoch_conflict`: what the room's home has. */
  readonly entry: RoomEntry | undefined;

  constructor(code: DirectoryCode, message: string, options: { cause?: unknown; entry?: RoomEntry } = {}) {
    super(code, message, { retryable: directoryCodes[code].retryable, cause: options.cause });
    this.entry = options.entry;
  }
}
