import { expect, it } from 'vitest';
import type { ClusterApi } from './cluster.ts';
import { committedDocument, serviceDocument } from './docs.ts';
import type { GiftsApi } from './gifts.ts';
import type { RoomsApi } from './rooms.ts';
import { serviceApp } from './service.ts';

interface Operation {
  security?: unknown[];
  responses: Record<string, unknown>;
}

it('docs/openapi.json is what the routes say: `node relay/http/docs.ts` writes it', () => {
  expect(committedDocument()).toBe(serviceDocument());
});

it('the document has every route, each behind the service token, and refers to nothing that is not there', () => {
  const text = serviceDocument();
  const document = JSON.parse(text) as {
    openapi: string;
    paths: Record<string, Record<string, Operation>>;
    components: { schemas: Record<string, unknown> };
  };
  expect(document.openapi).toBe('3.1.0');
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ route: `${method.toUpperCase()} ${path}`, ...operation })),
  );
  for (const { route, security, responses } of operations) {
    expect([route, security]).toEqual([route, [{ service: [] }]]);
    expect(Object.keys(responses), route).toEqual(expect.arrayContaining(['400', '401', '413', '429']));
  }
  const behind = {} as ClusterApi & GiftsApi & RoomsApi;
  const apis = { gifts: behind, rooms: behind, cluster: behind };
  const app = serviceApp({ isService: () => false, ...apis, perSecond: 1, burst: 1 });
  const routed = app.routes
    .filter(({ method, path }) => method !== 'ALL' && path.startsWith('/v1/'))
    .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`);
  expect(new Set(operations.map(({ route }) => route))).toEqual(new Set(routed));
  for (const [, name] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
    expect(document.components.schemas, name).toHaveProperty(name!);
  }
});
