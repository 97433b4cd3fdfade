import type { RateLimits } from './limits.ts';

export interface Operation {
  /** `GET /linode/instances/N`. */
  operation: string;
  /** In place of each N. */
  ids: string[];
  kind: keyof RateLimits;
}

const COLLECTIONS = new Set([
  '/linode/instances',
  '/linode/instances/N/disks',
  '/linode/types',
  '/regions',
  '/regions/availability',
  '/network-transfer/prices',
  '/account/events',
  '/networking/firewalls',
  '/networking/firewalls/N/devices',
  '/placement/groups',
  '/images',
]);

/** Ids that are not numbers: of types, and of images, with a slash in them. */
const NAMED = /^(\/linode\/types|\/images)\/((?:private|linode)\/[^/]+|[^/]+)(.*)$/;

/** What a request asks for. @param path with its version */
export function operationOf(method: string, path: string): Operation {
  const rest = path.replace(/^\/v4(?:beta)?(?=\/)/, '');
  const ids: string[] = [];
  const named = NAMED.exec(rest);
  let template: string;
  if (named) {
    ids.push(decodeURIComponent(named[2]!));
    template = `${named[1]}/N${named[3]}`;
  } else {
    template = rest.replace(/\/(\d+)(?=\/|$)/g, (_, id: string) => {
      ids.push(id);
      return '/N';
    });
  }
  const operation = `${method} ${template}`;
  const isList = method === 'GET' && COLLECTIONS.has(template);
  return { operation, ids, kind: operation === 'POST /linode/instances' ? 'create' : isList ? 'list' : 'other' };
}
