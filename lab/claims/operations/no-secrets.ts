import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEngine } from '@hayate/engine';
import { freePorts } from '../../lib/free-ports.ts';
import { hayate, type Running } from '../../lib/processes.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';
import { audits } from './audits.ts';
import { pasteHttp, pasteSession, pasteUpgrade, type Said } from './paste.ts';
import { type CommandLine, commandLines } from './pasted-lines.ts';
import { type Planted, type PlantedFiles, plant } from './planted.ts';
import { filesBelow, SecretSearch } from './search.ts';

const READY_MS = 60_000;
/** Failed, wrong usage, and a load test's script that cannot be run. */
const FAILED = [1, 2, 107];
/** Says each request's headers, as somebody might while looking for a fault, and dies on SIGUSR2. */
const LEAK = `import http from 'node:http';
const emit = http.Server.prototype.emit;
http.Server.prototype.emit = function (event, ...rest) {
  if (event === 'request') console.error(JSON.stringify({ level: 10, headers: rest[0].headers }));
  return emit.call(this, event, ...rest);
};`;

const outputOf = ({ stdout, stderr }: Running) => [...stdout, ...stderr].join('\n');

interface Ready {
  url: string;
  http: string;
  metrics: string;
  api: string;
  certificateHashes: string[];
}

async function relayProcess(
  stateDir: string,
  files: PlantedFiles,
  preload?: string,
): Promise<{ child: Running; ready: Ready }> {
  const [closed] = await freePorts(1);
  const webhook = `http://127.0.0.1:${closed}/hook`;
  const flags = [
    ...[
      '--listen-host',
      '127.0.0.1',
      '--listen-port',
      '0',
      '--http-port',
      '0',
      '--metrics-port',
      '0',
      '--api-port',
      '0',
    ],
    ...['--state-dir', stateDir, '--log-level', 'trace', '--joins-per-second', '0', '--hybrid'],
    ...[
      '--token-key-file',
      files.tokenKey,
      '--gifts-public-key-file',
      files.ticketKey,
      '--api-token-file',
      files.serviceToken,
    ],
    ...['--gifts-webhook-url', webhook, '--gifts-webhook-secret-file', files.webhookSecret],
    ...['--rooms-webhook-url', webhook, '--rooms-webhook-secret-file', files.webhookSecret],
  ];
  const env = { ...process.env, ...(preload !== undefined && { NODE_OPTIONS: `--import ${preload}` }) };
  const child = hayate(['relay', '--json', ...flags], { env });
  const { input } = await child.line(/"event":"ready"/, READY_MS);
  return { child, ready: JSON.parse(input) as Ready };
}

async function relayPart(
  checks: Checks,
  secrets: readonly Planted[],
  files: PlantedFiles,
  token: string,
  service: string,
  folder: string,
) {
  const search = new SecretSearch(secrets);
  const stateDir = join(folder, 'state');
  const { child, ready } = await relayProcess(stateDir, files);
  const engine = openEngine();
  const said: Said[] = [];
  try {
    const at = { url: ready.url, hash: ready.certificateHashes[0]!, token };
    for (const { text } of secrets) {
      said.push(...(await pasteHttp(ready.http, text)), ...(await pasteHttp(new URL(ready.metrics).origin, text)));
      said.push(...(await pasteHttp(ready.api, text, `Bearer ${service}`)), ...(await pasteUpgrade(ready.url, text)));
      said.push(...(await pasteSession(engine, at, text)));
    }
    const page = await (await fetch(ready.metrics)).text();
    said.push({ where: '/metrics', text: page });
    checks.check(/^hayate_refused_total/m.test(page), 'nothing was refused: the secrets did not reach the relay');
  } finally {
    await engine.close();
    await child.stop();
  }
  const log = outputOf(child);
  said.push({ where: 'log of the relay', text: log });
  const own = Object.values(files);
  for (const { path, text } of filesBelow(folder, own)) said.push({ where: path.slice(folder.length), text });
  report(checks, search, said, 'relay');
  checks.figure('relay_log_lines', log.split('\n').length);
  checks.check(log.includes('"level":20') || log.includes('"level":10'), 'the log has no lines of debug or trace');
}

function report(checks: Checks, search: SecretSearch, said: readonly Said[], part: string): void {
  checks.figure(`${part}_outputs`, said.length);
  checks.figure(
    `${part}_bytes`,
    said.reduce((sum, { text }) => sum + text.length, 0),
  );
  const leaks = new Set<string>();
  for (const { where, text } of said) for (const name of search.in(text)) leaks.add(`${where}: ${name}`);
  for (const leak of leaks) checks.check(false, leak);
}

/** Each command line with a token in it, and with one of the others in turn: both its outputs, and how it ends. */
async function commandPart(checks: Checks, secrets: readonly Planted[], files: PlantedFiles, folder: string) {
  const said: Said[] = [];
  const write = (name: string, text: string) => {
    const path = join(mkdtempSync(join(folder, 'line-')), name);
    writeFileSync(path, text);
    return path;
  };
  const others = secrets.slice(1);
  const [first, ...rest] = secrets.map(({ text }) => commandLines(text, files, write));
  const lines = first!.flatMap((line, n) => [
    { line, secret: secrets[0]! },
    { line: rest[n % rest.length]![n]!, secret: others[n % rest.length]! },
  ]);
  const work = lines.values();
  const runAll = async () => {
    for (const { line, secret } of work) said.push(await commandRun(checks, line, secret, join(folder, 'commands')));
  };
  await Promise.all([runAll(), runAll()]);
  report(checks, new SecretSearch(secrets), said, 'command');
}

async function commandRun(
  checks: Checks,
  { args, env }: CommandLine,
  { name, text }: Planted,
  state: string,
): Promise<Said> {
  const child = hayate(args, { env: { ...process.env, HAYATE_RELAY_STATE_DIR: state, ...env } });
  const timer = setTimeout(() => void child.stop(), READY_MS);
  const code = await child.exited;
  clearTimeout(timer);
  const shown = [...Object.keys(env), 'hayate', ...args]
    .join(' ')
    .replaceAll(text, `<${name}>`)
    .replaceAll(encodeURIComponent(text), `<${name}>`);
  checks.check(FAILED.includes(code), `${shown}: exit code ${code}`);
  return { where: shown, text: outputOf(child) };
}

/** The same search finds what a line of the log says that should not be there. */
async function control(checks: Checks, secrets: readonly Planted[], files: PlantedFiles, folder: string) {
  const preload = `data:text/javascript;base64,${Buffer.from(LEAK).toString('base64')}`;
  const { child, ready } = await relayProcess(join(folder, 'leaking'), files, preload);
  try {
    for (const { text } of secrets) await pasteHttp(ready.http, text);
  } finally {
    await child.stop();
  }
  const found = new SecretSearch(secrets).in(outputOf(child));
  checks.figure('found_in_a_log_that_leaks', found.length);
  const missed = secrets.filter(({ name }) => !found.includes(name)).map(({ name }) => name);
  checks.check(missed.length === 0, `a log that leaks: not found: ${missed.join(', ')}`);
}

async function run(context: ClaimContext) {
  const checks = new Checks();
  const folder = mkdtempSync(join(tmpdir(), 'hayate-secrets-'));
  try {
    const { secrets, files, token, serviceToken } = await plant(folder);
    checks.figure(
      'secrets',
      secrets.map(({ name }) => name),
    );
    const parts: [string, () => Promise<void>][] = [
      ['a relay at log level trace', () => relayPart(checks, secrets, files, token, serviceToken, folder)],
      ['command lines', () => commandPart(checks, secrets, files, folder)],
      ['control: a log that leaks', () => control(checks, secrets, files, folder)],
      ['audits', () => audits(checks)],
    ];
    for (const [name, part] of parts) {
      if (context.only.length > 0 && !context.only.some((only) => name.includes(only))) continue;
      context.log(name);
      await part();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return checks.outcome();
}

export const noSecrets: Claim = {
  id: 'operations.6',
  title:
    'Tokens, tickets, keys, service token, NATS user, webhook secret: pasted into paths, queries, headers, bodies, messages, flags, environment and files, none shows in a log at level trace, an answer, /metrics, a state file or an error; a log that leaks is found; audits of dependencies are clean or explained',
  seconds: 300,
  run,
};
