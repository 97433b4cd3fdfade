import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { committed } from './metrics-docs.ts';

const dir = import.meta.dirname;
const read = (name: string) => readFileSync(join(dir, name), 'utf8');
const rules = read('hayate.rules.yml');
const testFiles = ['hayate.rules.test.yml', 'hayate.objective.test.yml'];
const tests = testFiles.map(read).join('\n');
const runbooks = readFileSync(join(dir, '../../docs/runbooks.md'), 'utf8');
/** Name and the lines up to the next rule. */
const alerts = rules.split(/^ {6}- /m).flatMap((rule) => {
  const name = /^alert: (\w+)$/m.exec(rule)?.[1];
  return name === undefined ? [] : [{ name, rule }];
});
/** As GitHub makes them. */
const anchor = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\w\s-]/g, '')
    .replaceAll(' ', '-');
const sections = new Map(
  runbooks
    .split(/^## /m)
    .slice(1)
    .map((text) => [anchor(text.split('\n', 1)[0]!), text]),
);

describe.each(alerts)('$name', ({ name, rule }) => {
  it('has a severity, a sentence, and a run-book that says what it means, where to look and what to do', () => {
    expect(rule).toMatch(/^ +labels: \{ severity: (page|ticket) \}$/m);
    expect(rule).toMatch(/^ +summary: '.+'$/m);
    const section = sections.get(/^ +runbook: docs\/runbooks\.md#(\S+)$/m.exec(rule)?.[1] ?? '');
    for (const part of ['Means: ', 'Look: ', 'Do: ']) expect(section).toContain(`\n${part}`);
  });

  it('is fired by a test', () => {
    expect(tests).toMatch(
      new RegExp(`ALERTS\\{alertname="${name}",alertstate="firing"\\}.*(\\n.*)?\\n?.*exp_samples: ?\\[\\{`),
    );
  });
});

it('names no section of the run-books that nothing leads to', () => {
  for (const name of sections.keys()) expect(rules).toContain(`docs/runbooks.md#${name}`);
});

it('asks for metrics that there are', () => {
  const known = new Set([...committed().matchAll(/^\| `(hayate_\w+)` \|/gm)].map(([, name]) => name));
  const asked = new Set([...rules.matchAll(/(?<![:\w])hayate_\w+/g)].map(([name]) => name));
  expect(asked.size).toBeGreaterThan(25);
  for (const name of asked) expect(known, name).toContain(name);
});

const promtool = spawnSync('promtool', ['--version']).status === 0;
if (!promtool) console.log('SKIPPED alerts before promtool: no promtool on the PATH');

describe.skipIf(!promtool)('promtool', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'hayate-rules-'));
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));
  const run = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
    return { status, said: `${stdout}${stderr}` };
  };

  it('takes the rules, and their tests pass', () => {
    expect(run('check', 'rules', '--lint=all', '--lint-fatal', join(dir, 'hayate.rules.yml'))).toMatchObject({
      status: 0,
    });
    expect(run('test', 'rules', ...testFiles.map((name) => join(dir, name)))).toMatchObject({ status: 0 });
  }, 120_000);

  it('control: an alert that cannot fire, and one that always does, fail them', () => {
    cpSync(dir, scratch, { recursive: true });
    const broken = (from: string, to: string) => {
      expect(rules).toContain(from);
      writeFileSync(join(scratch, 'hayate.rules.yml'), rules.replace(from, to));
      return run('test', 'rules', join(scratch, 'hayate.rules.test.yml'));
    };
    expect(broken('hayate_ledger_up == 0', 'hayate_ledger_up == 2').said).toContain('HayateLedgerDown');
    expect(broken('hayate_ledger_up == 0', 'hayate_ledger_up >= 0').said).toContain('HayateLedgerDown');
  }, 120_000);
});
