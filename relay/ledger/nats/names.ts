import { hash } from 'node:crypto';

/**
 * Subjects and streams of the gifts of one region; a copy of a stream in another region has its name. Subjects carry the region: over leafnodes a message reaches every region
 * whose streams take its subject, and each gift belongs to one.
 */
export interface GiftNames {
  /** Gifts and amendments, in the order in which they became durable: its sequence is the ledger's id. */
  readonly gifts: string;
  /** Keys of amendments. */
  readonly keys: string;
  /** Places in rooms whose home is this region. */
  readonly places: string;
  /** Cursors, delivery, leases: one value a name. */
  readonly state: string;
  gift(jti: string, room: string): string;
  /** Every gift of a `jti`, whatever its room. */
  giftFilter(jti: string): string;
  amendment(gift: string, room: string): string;
  key(kind: string, key: string): string;
  /** A room's gifts and amendments. */
  roomFilter(room: string): string;
  place(room: string, first: number): string;
  placeFilter(room: string): string;
  value(name: string): string;
}

/** A text of any characters as one token of a subject: 192 bits of its SHA-256. */
export function tokenOf(text: string): string {
  return hash('sha256', text, 'buffer').subarray(0, 24).toString('base64url');
}

/** @param region letters, digits and `-` */
export function giftNames(region: string): GiftNames {
  if (!/^[A-Za-z0-9-]{1,32}$/.test(region)) throw new TypeError(`${region} is no name of a region`);
  const [gifts, keys, places, state] = ['gifts', 'giftkeys', 'giftplaces', 'giftstate'].map(
    (each) => `${each}.${region}`,
  );
  return {
    gifts: `GIFTS_${region}`,
    keys: `GIFT_KEYS_${region}`,
    places: `GIFT_PLACES_${region}`,
    state: `GIFT_STATE_${region}`,
    gift: (jti, room) => `${gifts}.g.${tokenOf(jti)}.${tokenOf(room)}`,
    giftFilter: (jti) => `${gifts}.g.${tokenOf(jti)}.*`,
    amendment: (gift, room) => `${gifts}.x.${tokenOf(gift)}.${tokenOf(room)}`,
    key: (kind, key) => `${keys}.${tokenOf(`${kind} ${key}`)}`,
    roomFilter: (room) => `${gifts}.*.*.${tokenOf(room)}`,
    place: (room, first) => `${places}.${tokenOf(room)}.${first}`,
    placeFilter: (room) => `${places}.${tokenOf(room)}.*`,
    value: (name) => `${state}.${tokenOf(name)}`,
  };
}
