// `node infra/grafana/write.ts` makes Grafana's JSON of them, which Terraform provisions.
import type { Dashboard } from './grafana.ts';
import { relay, transfer } from './machine-dashboards.ts';
import { gifts, overview, region, rooms } from './service-dashboards.ts';

export const dashboards: readonly Dashboard[] = [overview, region, relay, rooms, gifts, transfer];
