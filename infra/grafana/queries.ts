import { dashboards } from './dashboards.ts';
import type { Query } from './grafana.ts';

export interface PanelQuery extends Query {
  dashboard: string;
  panel: string;
}

/** Every query of every panel as Prometheus gets it when all is chosen. @param window in the place of `$__rate_interval` */
export function panelQueries(window: string): PanelQuery[] {
  return dashboards.flatMap(({ uid, rows }) =>
    rows.flatMap(({ panels }) =>
      panels.flatMap(({ title, queries }) =>
        queries.map((query) => ({
          ...query,
          ...{ dashboard: uid, panel: title },
          expr: query.expr.replaceAll('$__rate_interval', window).replace(/\$(region|relay)\b/g, '.*'),
        })),
      ),
    ),
  );
}
