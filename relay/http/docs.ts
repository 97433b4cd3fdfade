import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ClusterApi } from './cluster.ts';
import type { GiftsApi } from './gifts.ts';
import type { RoomsApi } from './rooms.ts';
import { SERVICE_DOCUMENT, serviceApp } from './service.ts';

const FILE = fileURLToPath(new URL('../../docs/openapi.json', import.meta.url));

/** The OpenAPI document of the service API with all its routes, as docs/openapi.json holds it. */
export function serviceDocument(): string {
  // Routes are described before anything behind them is asked.
  const isService = () => false;
  const [gifts, rooms, cluster] = [{} as GiftsApi, {} as RoomsApi, {} as ClusterApi];
  const app = serviceApp({ isService, gifts, rooms, cluster, perSecond: 1, burst: 1 });
  return `${JSON.stringify(app.getOpenAPI31Document(SERVICE_DOCUMENT), null, 2)}\n`;
}

/** The committed file. */
export function committedDocument(): string {
  return readFileSync(FILE, 'utf8');
}

// `node relay/http/docs.ts`
if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(FILE, serviceDocument());
