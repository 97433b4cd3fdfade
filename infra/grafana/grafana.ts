/** What a dashboard shows, without Grafana's own words. */
export interface Dashboard {
  /** Of its file and its address; never changes. */
  uid: string;
  title: string;
  description: string;
  /** Which of these the viewer may choose; queries then have `$region`, `$relay`. */
  choose: readonly ('region' | 'relay')[];
  rows: readonly { title: string; panels: readonly Panel[] }[];
}

export interface Panel {
  title: string;
  /** What it says when it looks odd. */
  about?: string;
  /** As Grafana calls it: `s`, `bytes`, `Bps`, `percentunit`, `short`, ... */
  unit: string;
  queries: readonly Query[];
  /** `stat`: the last value alone. */
  kind?: 'graph' | 'stat';
  stack?: boolean;
  /** From here on it is red. */
  bad?: number;
}

export interface Query {
  expr: string;
  /** Of its lines: `{{relay}}`. */
  legend: string;
  /** Why it may answer with nothing on a cluster that is well. */
  silent?: string;
}

const WIDTH = 24;
const HEIGHT = 8;
const SOURCE = { type: 'prometheus', uid: 'prometheus' };
const CHOICES = {
  region: { label: 'Region', query: 'label_values(hayate_sessions, region)' },
  relay: { label: 'Relay', query: 'label_values(hayate_sessions{region=~"$region"}, relay)' },
};

/** Grafana's JSON of a dashboard (schema 39, Grafana 11 and newer). */
export function grafanaJson({ uid, title, description, choose, rows }: Dashboard): string {
  let y = 0;
  let id = 0;
  const panels = rows.flatMap((row) => {
    const title = {
      id: ++id,
      type: 'row',
      title: row.title,
      collapsed: false,
      panels: [],
      gridPos: { x: 0, y, w: WIDTH, h: 1 },
    };
    y += 1;
    const width = Math.floor(WIDTH / Math.min(row.panels.length, 3));
    const perLine = WIDTH / width;
    const of = row.panels.map((panel, at) => ({
      ...panelJson(panel, ++id),
      gridPos: { x: (at % perLine) * width, y: y + Math.floor(at / perLine) * HEIGHT, w: width, h: HEIGHT },
    }));
    y += Math.ceil(row.panels.length / perLine) * HEIGHT;
    return [title, ...of];
  });
  const list = choose.map((name) => ({
    ...{ name, type: 'query', datasource: SOURCE, ...CHOICES[name] },
    ...{
      includeAll: true,
      multi: true,
      allValue: '.*',
      refresh: 2,
      sort: 1,
      current: { text: 'All', value: '$__all' },
    },
  }));
  const dashboard = {
    ...{ uid, title: `Hayate: ${title}`, description, tags: ['hayate'], schemaVersion: 39, editable: false },
    ...{ refresh: '30s', time: { from: 'now-3h', to: 'now' }, timezone: 'utc', templating: { list }, panels },
    links: [
      { title: 'Hayate', type: 'dashboards', tags: ['hayate'], asDropdown: true, keepTime: true, includeVars: true },
    ],
  };
  return `${JSON.stringify(dashboard, null, 1)}\n`;
}

function panelJson({ title, about, unit, queries, kind = 'graph', stack, bad }: Panel, id: number): object {
  const steps = [{ color: 'green', value: null }, ...(bad === undefined ? [] : [{ color: 'red', value: bad }])];
  const lines = {
    lineWidth: 1,
    fillOpacity: stack ? 30 : 5,
    showPoints: 'never',
    stacking: { mode: stack ? 'normal' : 'none' },
  };
  const threshold = bad === undefined ? {} : { thresholdsStyle: { mode: 'line' } };
  return {
    ...{
      id,
      title,
      type: kind === 'stat' ? 'stat' : 'timeseries',
      datasource: SOURCE,
      ...(about && { description: about }),
    },
    fieldConfig: {
      defaults: {
        unit,
        thresholds: { mode: 'absolute', steps },
        ...(kind === 'graph' && { custom: { ...lines, ...threshold } }),
      },
      overrides: [],
    },
    options:
      kind === 'stat'
        ? { reduceOptions: { calcs: ['lastNotNull'] } }
        : { legend: { showLegend: true }, tooltip: { mode: 'multi' } },
    targets: queries.map(({ expr, legend }, at) => ({
      refId: String.fromCharCode(65 + at),
      expr,
      legendFormat: legend,
      datasource: SOURCE,
    })),
  };
}
