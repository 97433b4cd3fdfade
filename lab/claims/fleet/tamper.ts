import { callOf, type Exchange } from './shape.ts';

/** A place in an answer: names of fields, and `[]` for the items of a list. */
type Place = readonly string[];

export interface Tampering {
  call: string;
  /** `data[].specs.disk`. */
  path: string;
  how: 'removed' | 'changed';
  answers: Exchange[];
}

/** All fields of an answer, at any depth. */
function places(value: unknown, at: Place = []): Place[] {
  if (Array.isArray(value)) return value.flatMap((item) => places(item, [...at, '[]']));
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([name, part]) => [[...at, name], ...places(part, [...at, name])]);
}

/** The value without a field, or with another type of it. */
function without(value: unknown, [name, ...rest]: Place, how: Tampering['how']): unknown {
  if (name === '[]') return Array.isArray(value) ? value.map((item) => without(item, rest, how)) : value;
  if (value === null || typeof value !== 'object' || Array.isArray(value) || !(name! in value)) return value;
  const fields = value as Record<string, unknown>;
  if (rest.length > 0) return { ...fields, [name!]: without(fields[name!], rest, how) };
  const { [name!]: old, ...others } = fields;
  if (how === 'removed') return others;
  return { ...others, [name!]: typeof old === 'boolean' ? String(old) : true };
}

/** The fake's answers with one field gone, or of another type, in all answers of a call: each field of each call in turn. */
export function* tampered(answers: readonly Exchange[], calls: readonly string[]): Generator<Tampering> {
  for (const call of calls) {
    const mine = (each: Exchange) =>
      call === 'errors' ? each.status >= 400 : each.status < 400 && callOf(each) === call;
    const seen = new Map<string, Place>();
    for (const { res } of answers.filter(mine)) {
      for (const place of places(res)) seen.set(place.join('.').replaceAll('.[]', '[]'), place);
    }
    for (const [path, place] of seen) {
      for (const how of ['removed', 'changed'] as const) {
        const changed = answers.map((each) => (mine(each) ? { ...each, res: without(each.res, place, how) } : each));
        yield { call, path, how, answers: changed };
      }
    }
  }
}
