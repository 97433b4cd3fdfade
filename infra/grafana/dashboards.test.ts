import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { committed } from '../prometheus/metrics-docs.ts';
import { dashboards } from './dashboards.ts';
import { grafanaJson } from './grafana.ts';
import { panelQueries } from './queries.ts';

const folder = join(import.meta.dirname, 'dashboards');
const queries = panelQueries('1m');

it('each committed JSON is what the description makes (node infra/grafana/write.ts)', () => {
  expect(readdirSync(folder).sort()).toEqual(dashboards.map(({ uid }) => `${uid}.json`).sort());
  for (const dashboard of dashboards) {
    const committed: unknown = JSON.parse(readFileSync(join(folder, `${dashboard.uid}.json`), 'utf8'));
    expect(committed).toEqual(JSON.parse(grafanaJson(dashboard)));
  }
});

it('no two panels lie on each other, and all are on the grid', () => {
  for (const dashboard of dashboards) {
    const { panels } = JSON.parse(grafanaJson(dashboard)) as {
      panels: { id: number; gridPos: Record<'x' | 'y' | 'w' | 'h', number> }[];
    };
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, i) => `${x + (i % w)} ${y + Math.floor(i / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(Math.max(...panels.map(({ gridPos: { x, w } }) => x + w))).toBe(24);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  }
});

it('asks for metrics that there are, and for recorded ones that the rules make', () => {
  const rules = readFileSync(join(import.meta.dirname, '../prometheus/hayate.rules.yml'), 'utf8');
  const known = new Set([...committed().matchAll(/^\| `(hayate_\w+)` \|/gm)].map(([, name]) => name));
  for (const { expr, panel } of queries) {
    for (const [name] of expr.matchAll(/(?<![:\w])hayate_\w+/g)) {
      expect(known, panel).toContain(name.replace(/_bucket$/, ''));
    }
    for (const [name] of expr.matchAll(/\b[a-z]+:[\w:]+/g)) expect(rules).toContain(`record: ${name}\n`);
    expect(expr).not.toContain('$');
  }
});

const promtool = spawnSync('promtool', ['--version']).status === 0;
if (!promtool) console.log("SKIPPED the dashboards' queries before promtool: no promtool on the PATH");

describe.skipIf(!promtool)("Prometheus' parser", () => {
  const scratch = mkdtempSync(join(tmpdir(), 'hayate-dashboards-'));
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));
  /** promtool has no check of a query alone: as a recording rule each is parsed. JSON is YAML. */
  const check = (exprs: readonly string[]) => {
    const rules = exprs.map((expr, at) => ({ record: `panel:${at}`, expr }));
    const file = join(scratch, 'queries.yml');
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'queries', rules }] }));
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'rules', file], { encoding: 'utf8' });
    return { status, said: `${stdout}${stderr}` };
  };

  it('takes the query of every panel', () => {
    const { status, said } = check(queries.map(({ expr }) => expr));
    expect(said).toContain(`${queries.length} rules found`);
    expect(status).toBe(0);
  });

  it('control: it does not take a broken one', () => {
    expect(check([queries[0]!.expr, 'sum by (region (hayate_viewers)']).status).not.toBe(0);
  });
});
