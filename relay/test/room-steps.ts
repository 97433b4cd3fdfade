import { MODERATIONS, type Moderation } from '@hayate/codec/messages';
import fc from 'fast-check';
import type { Role } from '../token/token.ts';

/** Of tokens, by `roles` of a step. */
export const ROLES: Role[][] = [
  ['viewer'],
  ['viewer'],
  ['viewer'],
  ['liver', 'viewer'],
  ['moderator'],
  ['liver', 'moderator'],
];

/** One thing that happens. `who` picks among the sessions that are here. */
export type Step =
  | { do: 'join'; sub: number; roles: number; resume: number }
  | { do: 'leave'; who: number; clean: boolean }
  | { do: 'ask'; who: number; what: 'publish' | 'unpublish' | 'watch' | 'unwatch' }
  | { do: 'presence' | 'speak'; who: number; on: boolean }
  | { do: 'moderate'; who: number; action: Moderation; sub: number; seconds: number }
  | { do: 'refresh'; who: number; roles: number }
  | { do: 'banned'; sub: number }
  /** Who are among these read too slowly from now on. */
  | { do: 'slow'; who: number }
  | { do: 'tick'; ms: number };

const who = fc.nat({ max: 11 });
const sub = fc.nat({ max: 6 });
const on = fc.boolean();
const roles = fc.nat({ max: ROLES.length - 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('join' as const), sub, roles, resume: fc.nat({ max: 8 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('leave' as const), who, clean: on }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('ask' as const),
      who,
      what: fc.constantFrom('publish', 'publish', 'unpublish', 'watch', 'watch', 'unwatch'),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('presence', 'speak', 'speak'), who, on }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('moderate' as const),
      who,
      // `close` would end most runs early.
      action: fc.oneof(
        { weight: 30, arbitrary: fc.constantFrom(...MODERATIONS.filter((action) => action !== 'close'), 'grant') },
        { weight: 1, arbitrary: fc.constant('close' as const) },
      ),
      sub,
      seconds: fc.nat({ max: 9 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('refresh' as const), who, roles }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('banned' as const), sub }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('slow' as const), who }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('tick' as const), ms: fc.constantFrom(10, 500, 1000, 4000) }) },
);

export const steps = fc.array(step, { maxLength: 150, size: 'max' });
