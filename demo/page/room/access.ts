import type { Permission, Room } from '@hayate/client';

/** Calls with what this session may do: now, and whenever it changes. */
export function followAccess(room: Room, show: (permissions: ReadonlySet<Permission>) => void): void {
  room.on('access', ({ permissions }) => show(permissions));
  show(room.permissions);
}
