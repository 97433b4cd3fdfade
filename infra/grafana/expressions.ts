// What panels are made of.
import type { Panel, Query } from './grafana.ts';

export const q = (expr: string, legend = '', silent?: string): Query => ({
  expr,
  legend,
  ...(silent !== undefined && { silent }),
});
export const panel = (title: string, unit: string, queries: readonly Query[], more: Partial<Panel> = {}): Panel => ({
  title,
  unit,
  queries,
  ...more,
});

export const REGION = 'region=~"$region"';
export const RELAY = `${REGION},relay=~"$relay"`;
/** By region. */
export const sum = (metric: string, by = 'region', labels = REGION) => `sum by (${by}) (${metric}{${labels}})`;
export const rate = (metric: string, by = 'region', labels = REGION) =>
  `sum by (${by}) (rate(${metric}{${labels}}[$__rate_interval]))`;
export const quantile = (p: number, metric: string, by = 'region', labels = REGION) =>
  `histogram_quantile(${p}, sum by (le, ${by}) (rate(${metric}_bucket{${labels}}[$__rate_interval])))`;
export const GOOD = `sum by (region) (rate(hayate_viewer_good_seconds_total{${REGION}}[$__rate_interval])) / sum by (region) (rate(hayate_viewer_seconds_total{${REGION}}[$__rate_interval]))`;

export const ALONE = 'a relay alone has no cluster';
export const NO_FLEET = 'there is no fleet';
export const NO_WEBHOOK = 'no webhook is configured';
export const NO_FAULT = 'nothing of this kind has happened';
export const FEW = 'less than five viewers';
