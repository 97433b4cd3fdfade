// Makes Grafana's JSON of the dashboards: node infra/grafana/write.ts
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dashboards } from './dashboards.ts';
import { grafanaJson } from './grafana.ts';

for (const dashboard of dashboards) {
  writeFileSync(join(import.meta.dirname, 'dashboards', `${dashboard.uid}.json`), grafanaJson(dashboard));
}
