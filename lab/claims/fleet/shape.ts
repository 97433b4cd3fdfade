/** A request and its answer, as recorded.jsonl has them. */
export interface Exchange {
  method: string;
  /** With the version of the API, without the query. */
  path: string;
  status: number;
  res: unknown;
}

export type DifferenceKind =
  /** The real one always has the field, the fake not, or not always. */
  | 'missing'
  /** The real one has it sometimes, the fake never. */
  | 'never'
  /** The fake has a field that the real one has not. */
  | 'extra'
  /** The fake gives a type (null is one) that the real one does not. */
  | 'type'
  /** The real one gives a type that the fake does not. */
  | 'narrower'
  /** A word of a small vocabulary that the real one does not use. */
  | 'word'
  /** A time, address or path that looks otherwise. */
  | 'format'
  /** A row of the same id says something else. */
  | 'row'
  /** Lists are always empty in one of the two: what is in them was not compared. */
  | 'uncompared';

export interface Difference {
  /** `GET /linode/instances/N`, or `errors`. */
  call: string;
  /** `data[].specs.disk`. */
  path: string;
  kind: DifferenceKind;
  recorded: string;
  fake: string;
}

/** What all values at one place of an answer have in common. */
interface Shape {
  types: Set<string>;
  objects: number;
  fields: Map<string, { present: number; shape: Shape }>;
  items: Shape | undefined;
  texts: Set<string>;
}

const emptyShape = (): Shape => ({
  types: new Set(),
  objects: 0,
  fields: new Map(),
  items: undefined,
  texts: new Set(),
});

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

function take(shape: Shape, value: unknown): void {
  const type = typeOf(value);
  shape.types.add(type);
  if (type === 'string') shape.texts.add(value as string);
  if (Array.isArray(value)) {
    for (const item of value) {
      shape.items ??= emptyShape();
      take(shape.items, item);
    }
  } else if (type === 'object') {
    shape.objects += 1;
    for (const [name, part] of Object.entries(value as object)) {
      let field = shape.fields.get(name);
      if (!field) {
        field = { present: 0, shape: emptyShape() };
        shape.fields.set(name, field);
      }
      field.present += 1;
      take(field.shape, part);
    }
  }
}

const FORMATS: [string, RegExp][] = [
  ['time', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/],
  ['IPv4', /^\d{1,3}(?:\.\d{1,3}){3}$/],
  ['IPv6 with its prefix', /^[0-9a-f:]+\/\d{1,3}$/],
  ['path', /^\/v4\/[a-z/]+/],
  ['40 hexadecimal digits', /^[0-9a-f]{40}$/],
  ['8 hexadecimal digits', /^[0-9a-f]{8}$/],
];

/** The one that all texts have; undefined: none. */
function formatOf(texts: Set<string>): string | undefined {
  return FORMATS.find(([, pattern]) => [...texts].every((text) => pattern.test(text)))?.[0];
}

/** Fields whose texts are words of a small vocabulary. */
const WORDS =
  /(?:^|\.)(?:status|site_type|hypervisor|disk_encryption|interface_generation|maintenance_policy|class|filesystem|action|type|placement_group_type|placement_group_policy|inbound_policy|outbound_policy|protocol|reason)$|capabilities\[\]$|(?:alerts|metrics)\[\]$/;
/** Its `type` is an id, which the account chose. */
const NO_WORDS = /^(?:data\[\]\.)?type$/;

const list = (values: Iterable<string>) => [...values].sort().join(', ') || 'nothing';

/** `null, object {id: number}`: of what nothing is recorded to compare with. */
function textOf({ types, fields, items }: Shape): string {
  const parts = [...fields].map(([name, { shape }]) => `${name}: ${textOf(shape)}`);
  const of = (type: string) => {
    if (type === 'object') return `object {${parts.join(', ')}}`;
    return type === 'array' && items ? `array [${textOf(items)}]` : type;
  };
  return [...types].sort().map(of).join(', ');
}

function compareShapes(call: string, path: string, recorded: Shape, fake: Shape, out: Difference[]): void {
  const add = (kind: DifferenceKind, at: string, real: string, ours: string) =>
    out.push({ call, path: at, kind, recorded: real, fake: ours });
  const extra = [...fake.types].filter((type) => !recorded.types.has(type));
  if (extra.length > 0)
    add('type', path, list(recorded.types), extra.includes('object') ? textOf(fake) : list(fake.types));
  const lacks = [...recorded.types].filter((type) => !fake.types.has(type));
  if (lacks.length > 0) add('narrower', path, list(recorded.types), list(fake.types));
  if (recorded.texts.size > 0 && fake.texts.size > 0) {
    const format = formatOf(recorded.texts);
    if (format && formatOf(fake.texts) !== format) add('format', path, format, list(fake.texts).slice(0, 80));
    const unknown = [...fake.texts].filter((text) => !recorded.texts.has(text));
    if (WORDS.test(path) && !NO_WORDS.test(path) && unknown.length > 0) {
      add('word', path, list(recorded.texts), list(unknown));
    }
  }
  if (recorded.types.has('array') && fake.types.has('array')) {
    if (recorded.items && fake.items) compareShapes(call, `${path}[]`, recorded.items, fake.items, out);
    else if (recorded.items || fake.items) {
      const items = (shape: Shape) => (shape.items ? textOf(shape.items) : 'empty');
      add('uncompared', `${path}[]`, items(recorded), items(fake));
    }
  }
  if (recorded.objects === 0 || fake.objects === 0) return;
  for (const name of new Set([...recorded.fields.keys(), ...fake.fields.keys()])) {
    const at = path === '' ? name : `${path}.${name}`;
    const [real, ours] = [recorded.fields.get(name), fake.fields.get(name)];
    const often = (field: { present: number } | undefined, of: number) =>
      !field ? 'never' : field.present === of ? 'always' : 'sometimes';
    const [realOften, oursOften] = [often(real, recorded.objects), often(ours, fake.objects)];
    if (realOften === 'always' && oursOften !== 'always') add('missing', at, realOften, oursOften);
    else if (realOften === 'sometimes' && oursOften === 'never') add('never', at, realOften, oursOften);
    else if (realOften === 'never') add('extra', at, realOften, `${oursOften} ${textOf(ours!.shape)}`);
    if (real && ours) compareShapes(call, at, real.shape, ours.shape, out);
  }
}

/** `GET /linode/instances/N`: without version, numbers, and the ids of types. */
export function callOf({ method, path }: Pick<Exchange, 'method' | 'path'>): string {
  const template = path
    .replace(/^\/v4(?:beta)?(?=\/)/, '')
    .replace(/\/\d+(?=\/|$)/g, '/N')
    .replace(/^\/linode\/types\/.+/, '/linode/types/N')
    .replace(/^\/images\/(?:private|linode)\/[^/]+/, '/images/N');
  return `${method} ${template}`;
}

/** Lists whose rows are Linode's own, the same for everybody. */
const CATALOGUES = new Set(['GET /linode/types', 'GET /regions', 'GET /network-transfer/prices']);

/** A row that is in both says the same, field by field: as any of the recordings did. */
function compareRows(call: string, recorded: Exchange[], fake: Exchange[], out: Difference[]): void {
  type Row = Record<string, unknown> & { id: string };
  const rows = (of: Exchange[]) => of.flatMap(({ res }) => (res as { data?: Row[] }).data ?? []).filter(Boolean);
  const real = Map.groupBy(rows(recorded), ({ id }) => id);
  const seen = new Set<string>();
  for (const row of rows(fake)) {
    for (const [name, value] of Object.entries(row)) {
      const all = real.get(row.id)?.flatMap((each) => (name in each ? [JSON.stringify(each[name])] : [])) ?? [];
      const path = `data[].${name}`;
      if (all.length === 0 || all.includes(JSON.stringify(value)) || seen.has(path)) continue;
      seen.add(path);
      const short = (text: string) => `${row.id}: ${text.slice(0, 80)}`;
      out.push({ call, path, kind: 'row', recorded: short(all[0]!), fake: short(JSON.stringify(value)) });
    }
  }
}

export interface Comparison {
  differences: Difference[];
  /** Calls that were compared, with how many answers of each. */
  compared: Record<string, { recorded: number; fake: number }>;
}

/** Holds answers of a fake against recorded ones: calls of both that were answered with 2xx one by one, all errors together. */
export function compare(recorded: readonly Exchange[], fake: readonly Exchange[]): Comparison {
  const group = (all: readonly Exchange[]) =>
    Map.groupBy(all, (each) => (each.status >= 400 ? 'errors' : callOf(each)));
  const [real, ours] = [group(recorded), group(fake)];
  const out: Difference[] = [];
  const compared: Comparison['compared'] = {};
  for (const [call, answers] of [...ours].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const records = real.get(call);
    if (!records) continue;
    compared[call] = { recorded: records.length, fake: answers.length };
    const [a, b] = [emptyShape(), emptyShape()];
    // The status is a part of what an error says.
    const value = ({ status, res }: Exchange) => (call === 'errors' ? { status: String(status), body: res } : res);
    for (const each of records) take(a, value(each));
    for (const each of answers) take(b, value(each));
    compareShapes(call, '', a, b, out);
    if (CATALOGUES.has(call)) compareRows(call, records, answers, out);
  }
  return { differences: out, compared };
}
