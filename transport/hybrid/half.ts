/** Query parameter of both halves of a hybrid session: what makes them one. docs/protocol.md, section 1. */
const HALF = 'half';
const BYTES = 16;
const SHAPE = /^[0-9a-f]{32}$/;

/** Nobody guesses it: who knew it could be given the datagrams of somebody else's session. */
export function newHalf(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(BYTES)), (byte) => byte.toString(16).padStart(2, '0')).join(
    '',
  );
}

export function withHalf(url: string, half: string): string {
  const to = new URL(url);
  to.searchParams.set(HALF, half);
  return to.href;
}

/** As it was before `withHalf`. */
export function withoutHalf(path: string): string {
  const [name = '', query = ''] = path.split('?', 2);
  const rest = new URLSearchParams(query);
  rest.delete(HALF);
  return rest.size > 0 ? `${name}?${rest}` : name;
}

/** Of a path with its query; undefined: a whole session; empty: a half without a proper name. */
export function halfOf(path: string): string | undefined {
  const query = path.indexOf('?');
  const half = query < 0 ? null : new URLSearchParams(path.slice(query)).get(HALF);
  if (half === null) return undefined;
  return SHAPE.test(half) ? half : '';
}
