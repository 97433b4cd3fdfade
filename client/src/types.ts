/** Every shape of the SDK, with its unit: one file a part. */
export type * from '../gifts/types.ts';
export type * from '../people/types.ts';
export type * from '../publish/types.ts';
export type * from '../room/relay-types.ts';
export type * from '../room/types.ts';
export type * from '../watch/types.ts';
