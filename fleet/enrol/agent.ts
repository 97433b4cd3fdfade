import { X509Certificate } from 'node:crypto';
import { chmodSync, chownSync, existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { HayateError } from '@hayate/codec/errors';
import { z } from 'zod';
import { makeKey, makeRequest } from './authority.ts';
import { FILE_NAME, type MachineFiles } from './files.ts';
import { CONTROL_NAME } from './server.ts';

/** What a machine is born with: user_data writes it to `enrol.json`. */
const birthSchema = z.strictObject({
  id: z.string(),
  /** Of the control node: `https://ADDRESS:PORT`. */
  url: z.url(),
  /** PEM of the cluster's authority: public. */
  ca: z.string(),
  /** Good once, for ten minutes. */
  token: z.string(),
});

const answerSchema = z.object({ files: z.record(z.string().regex(FILE_NAME), z.string()) });

const REQUEST_MS = 10_000;
const RETRY_MS = 3000;
/** A key is its machine's; the rest may be read by the services' group. */
const MODE = 0o640;

export interface AgentOptions {
  /** `/etc/hayate`: has enrol.json, gets the rest. */
  dir: string;
  /** How long a control node that is not there yet is waited for. */
  waitMs: number;
  log(text: string): void;
}

export interface Agreed {
  /** Names of files that are new or other than before. */
  changed: string[];
}

/**
 * The machine's side: at the first time exchanges the token for what a relay needs, later renews its certificate and takes what has
 * changed. The key is made here and never leaves. Each file is whole or not there.
 * @throws HayateError `enrolment_refused`, `invalid_argument` (files that are wrong), `unavailable` (the control node, after `waitMs`)
 */
export async function agree({ dir, waitMs, log }: AgentOptions): Promise<Agreed> {
  const birth = readBirth(join(dir, 'enrol.json'));
  const keyFile = join(dir, 'relay.key');
  // Before it is asked for: an answer that is lost may be asked for again with the same key, and with no other.
  if (!existsSync(keyFile)) put(dir, 'relay.key', await makeKey());
  const key = readFileSync(keyFile, 'utf8');
  const csr = await makeRequest(key, birth.id);
  const cert = presentCertificate(join(dir, 'relay.pem'));
  const ask = () =>
    cert
      ? post(birth, '/v1/renew', { csr }, { cert, key })
      : post(birth, '/v1/enrol', { id: birth.id, token: birth.token, csr });
  const files = await patiently(ask, waitMs, log);
  const changed = Object.entries(files)
    .filter(([name, contents]) => put(dir, name, contents))
    .map(([name]) => name);
  return { changed };
}

function readBirth(file: string): z.infer<typeof birthSchema> {
  try {
    return birthSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    const why = cause instanceof z.ZodError ? z.prettifyError(cause) : (cause as Error).message;
    throw new HayateError('invalid_argument', `${file}: ${why}`, { cause });
  }
}

/** Undefined also when its time is over: then only a new token helps. */
function presentCertificate(file: string): string | undefined {
  if (!existsSync(file)) return undefined;
  const pem = readFileSync(file, 'utf8');
  return new X509Certificate(pem).validToDate.getTime() > Date.now() ? pem : undefined;
}

async function patiently(
  ask: () => Promise<MachineFiles>,
  waitMs: number,
  log: AgentOptions['log'],
): Promise<MachineFiles> {
  const until = performance.now() + waitMs;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof HayateError && error.retryable) || performance.now() + RETRY_MS > until) throw error;
      log(`${error.message}; trying again`);
      await sleep(RETRY_MS);
    }
  }
}

/** Verified against the cluster's authority alone, under the name that every control node has. */
function post(
  { url, ca }: { url: string; ca: string },
  path: string,
  body: object,
  identity?: { cert: string; key: string },
): Promise<MachineFiles> {
  const away = (message: string, cause?: unknown) =>
    new HayateError('unavailable', `control node at ${url}: ${message}`, { retryable: true, cause });
  return new Promise((resolve, reject) => {
    const call = request(
      new URL(path, url),
      {
        ...{ method: 'POST', ca, servername: CONTROL_NAME, minVersion: 'TLSv1.3', timeout: REQUEST_MS, ...identity },
        headers: { 'content-type': 'application/json' },
        agent: false,
      },
      (response) => {
        text(response)
          .then((answer) => {
            if (response.statusCode === 200) return resolve(answerSchema.parse(JSON.parse(answer)).files);
            const { code = 'unavailable', message = answer } = parsed(answer);
            const retryable = (response.statusCode ?? 0) >= 429;
            reject(new HayateError(code, `control node at ${url}: ${message}`, { retryable }));
          })
          .catch((cause: unknown) => reject(away((cause as Error).message, cause)));
      },
    );
    call.on('timeout', () => call.destroy(new Error('no answer')));
    call.on('error', (cause) => reject(away(cause.message, cause)));
    call.end(JSON.stringify(body));
  });
}

function parsed(answer: string): { code?: string; message?: string } {
  try {
    return JSON.parse(answer) as { code?: string; message?: string };
  } catch {
    return {};
  }
}

/** @returns whether it is another than before */
function put(dir: string, name: string, contents: string): boolean {
  const file = join(dir, name);
  if (existsSync(file) && readFileSync(file, 'utf8') === contents) return false;
  const fresh = `${file}.new`;
  writeFileSync(fresh, contents, { mode: 0o600, flush: true });
  chmodSync(fresh, MODE);
  // The folder's group is the services'; where the folder is setgid, the file has it already.
  const { gid } = statSync(dir);
  if (process.getuid?.() === 0 && statSync(fresh).gid !== gid) chownSync(fresh, 0, gid);
  renameSync(fresh, file);
  return true;
}
