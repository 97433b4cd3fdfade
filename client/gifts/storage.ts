import type { GiftStorage } from './types.ts';

/**
 * Tickets in `localStorage` (or what is like it), one key each, so that two tabs do not overwrite each other. Both may
 * submit what is kept there: the ledger takes it once.
 * @param name of room and user, such as `gifts:demo:ann`
 */
export function webGiftStorage(
  name: string,
  storage: Pick<Storage, 'length' | 'key' | 'setItem' | 'removeItem'> = globalThis.localStorage,
): GiftStorage {
  const prefix = `${name}:`;
  return {
    load() {
      const keys = Array.from({ length: storage.length }, (_, n) => storage.key(n) ?? '');
      return keys.filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
    },
    add: (ticket) => storage.setItem(prefix + ticket, '1'),
    remove: (ticket) => storage.removeItem(prefix + ticket),
  };
}
