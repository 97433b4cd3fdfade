/** What a handler of the fake gives: JSON as text, so that what did not change is not made again. */
export interface Answer {
  status: number;
  body: string;
}

export const done: Answer = { status: 200, body: '{}' };

export function ok(value: unknown): Answer {
  return { status: 200, body: JSON.stringify(value) };
}

export function refuse(status: number, reason: string, field?: string): Answer {
  return { status, body: JSON.stringify({ errors: [{ reason, ...(field !== undefined && { field }) }] }) };
}

export const notFound = refuse(404, 'Not found');
export const busy = refuse(400, 'Linode busy.');

export interface Asked {
  /** What stood in the path in place of N. */
  ids: string[];
  query: URLSearchParams;
  /** Of `X-Filter`. */
  filter: Record<string, unknown>;
  body: Record<string, unknown>;
}

const PAGE_SIZE = 100;
const PAGE_SIZES = { least: 25, most: 500 };

/**
 * A page of a list that its filter lets through.
 * @param fields what it may be filtered by
 * @param json an item as the API shows it
 */
export function page<T>(
  { query, filter }: Asked,
  items: Iterable<T>,
  fields: (item: T) => Record<string, unknown>,
  json: (item: T) => string,
): Answer {
  const { '+order_by': by, '+order': order, ...rest } = filter;
  let found = [...items];
  if (Object.keys(rest).length > 0) found = found.filter((item) => fits(fields(item), rest));
  if (typeof by === 'string') {
    const sign = order === 'desc' ? -1 : 1;
    // Of one moment the newest first, too.
    if (sign < 0) found.reverse();
    const key = (item: T) => fields(item)[by] as string | number;
    found.sort((a, b) => (key(a) < key(b) ? -sign : key(a) > key(b) ? sign : 0));
  }
  const size = Number(query.get('page_size') ?? PAGE_SIZE);
  if (!(size >= PAGE_SIZES.least && size <= PAGE_SIZES.most)) return refuse(400, 'Must be 25-500', 'page_size');
  const n = Number(query.get('page') ?? 1);
  const pages = Math.max(1, Math.ceil(found.length / size));
  if (!(n >= 1 && n <= pages)) return refuse(400, 'Page does not exist', 'page');
  const data = found.slice((n - 1) * size, n * size).map(json);
  return { status: 200, body: `{"data":[${data.join()}],"page":${n},"pages":${pages},"results":${found.length}}` };
}

type Test = (value: unknown, wanted: unknown) => boolean;
const TESTS: Record<string, Test> = {
  '+gt': (value, wanted) => (value as number) > (wanted as number),
  '+gte': (value, wanted) => (value as number) >= (wanted as number),
  '+lt': (value, wanted) => (value as number) < (wanted as number),
  '+lte': (value, wanted) => (value as number) <= (wanted as number),
  '+neq': (value, wanted) => value !== wanted,
  '+contains': (value, wanted) => String(value).includes(String(wanted)),
};

/** Linode's filters: fields with values or operators; several hold together. */
function fits(fields: Record<string, unknown>, filter: Record<string, unknown>): boolean {
  return Object.entries(filter).every(([key, wanted]) => {
    if (key === '+and') return (wanted as Record<string, unknown>[]).every((each) => fits(fields, each));
    if (key === '+or') return (wanted as Record<string, unknown>[]).some((each) => fits(fields, each));
    const value = fields[key];
    if (Array.isArray(value)) return value.includes(wanted);
    if (wanted === null || typeof wanted !== 'object') return value === wanted;
    return Object.entries(wanted).every(([name, operand]) => TESTS[name]?.(value, operand) ?? false);
  });
}
