export { Community } from './community.ts';
export { openCommunity } from './open.ts';
export type { CommunityStore } from './types.ts';
