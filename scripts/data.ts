// `npm run data`: fetches the public recordings behind the codec's figures into data/motion, which git ignores.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

export interface Recording {
  file: string;
  /** GitHub's owner/name, the full commit and the path in it. */
  repository: string;
  commit: string;
  path: string;
  bytes: number;
  sha256: string;
  licence: string;
}

const RETARGET = {
  repository: 'alexdjulin/LiveLinkFace-CSV-Retarget-For-Motionbuilder',
  licence: 'MIT, (c) 2021 Alexandre Donciu-Julin',
};

export const RECORDINGS: readonly Recording[] = [
  {
    ...RETARGET,
    file: 'alex_rom_3.csv',
    commit: '122e2b234116f74bf3587c34120698f4a4def9d8',
    path: 'anim/alex_rom_3.csv',
    bytes: 3_280_843,
    sha256: '424bf902b436ee7bcb6dc5ef722e13348cd995e7f6d2e510abdebedfcf1b74f6',
  },
  {
    ...RETARGET,
    file: 'alex_rom_4.csv',
    commit: '122e2b234116f74bf3587c34120698f4a4def9d8',
    path: 'anim/alex_rom_4.csv',
    bytes: 3_098_847,
    sha256: '985a5699f1384e41155480b32353d53a8851c9dc7598acf3c26187a8dadfb317',
  },
  {
    ...RETARGET,
    file: 'S88-001.csv',
    commit: 'ea12397c0305e40dbb3fa1f2f04610cec62dd0fa',
    path: 'anim/S88-001.csv',
    bytes: 1_361_845,
    sha256: '75b0fedce610e6f966439b19853ad4cadfe0fbb2841a390d598fe9f294eec5ca',
  },
  {
    ...RETARGET,
    file: 'facial.csv',
    commit: '3598fae33665fff912b081304886fcab149a4819',
    path: 'csv/facial.csv',
    bytes: 1_561_143,
    sha256: 'c957012103b5f8f09d529781f552bcd82fabb3e74dd3a382f4db0828e2247fb4',
  },
];

/** Recordings behind the figures that no address serves as a CSV. */
export const NOT_SERVED: readonly { file: string; reason: string }[] = [
  {
    file: 'llv_dao.csv',
    reason:
      'decoded from examples/dao.gesichter of github.com/think-biq/LLV, which holds recorded packets in a format that ' +
      'changed between its commits; there is no CSV to check a decoder against (BSD-style, blurryroots innovation qanat OÜ)',
  },
];

export type Outcome =
  | { file: string; status: 'present' | 'fetched'; licence: string }
  | { file: string; status: 'skipped' | 'refused'; reason: string };

export interface FetchOptions {
  folder: string;
  fetch(url: string): Promise<Response>;
  log(text: string): void;
}

export function addressOf({ repository, commit, path }: Recording): string {
  return `https://raw.githubusercontent.com/${repository}/${commit}/${path}`;
}

/** What is wrong with the bytes of a recording; undefined when nothing is. */
export function faultOf(data: Uint8Array, { bytes, sha256 }: Recording): string | undefined {
  if (data.length !== bytes) return `${data.length} bytes instead of ${bytes}`;
  const found = createHash('sha256').update(data).digest('hex');
  return found === sha256 ? undefined : `sha256 ${found} instead of ${sha256}`;
}

/** Leaves a good file alone, replaces a bad one only by a good one. A file that the network does not give is skipped. */
export async function fetchRecording(recording: Recording, options: FetchOptions): Promise<Outcome> {
  const { file, licence } = recording;
  const target = join(options.folder, file);
  const held = readIfThere(target);
  if (held !== undefined && faultOf(held, recording) === undefined) return { file, status: 'present', licence };
  const url = addressOf(recording);
  options.log(`${file}: ${(recording.bytes / 1e6).toFixed(1)} MB from ${url}`);
  let data: Uint8Array;
  try {
    const response = await options.fetch(url);
    if (!response.ok) return { file, status: 'skipped', reason: `HTTP ${response.status} from ${url}` };
    data = new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    return { file, status: 'skipped', reason: `no network to ${url} (${causeOf(error)})` };
  }
  const fault = faultOf(data, recording);
  if (fault !== undefined) return { file, status: 'refused', reason: `${url}: ${fault}` };
  mkdirSync(options.folder, { recursive: true });
  const part = `${target}.part`;
  try {
    writeFileSync(part, data);
    renameSync(part, target);
  } finally {
    rmSync(part, { force: true });
  }
  return { file, status: 'fetched', licence };
}

function readIfThere(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** `fetch failed` says nothing; its cause does. */
function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error ? cause.message : String(cause);
}

const USAGE = `usage: npm run data [-- --json]

Fetches the public recordings behind the codec's figures into data/motion, by commit, checked by sha256.
A file that is there and good stays. Where the network does not allow it, says SKIPPED and why.

  --json   an object a file: file, status (present, fetched, skipped, refused), licence or reason
`;

function readArgs() {
  try {
    return parseArgs({ options: { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } }).values;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
    return process.exit(2);
  }
}

async function main(): Promise<void> {
  const values = readArgs();
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const folder = join(import.meta.dirname, '..', 'data', 'motion');
  const print = (outcome: Outcome) => {
    if (values.json) console.log(JSON.stringify(outcome));
    else if ('reason' in outcome) console.log(`${outcome.status.toUpperCase()} ${outcome.file}: ${outcome.reason}`);
    else console.log(`${outcome.status} ${outcome.file}: ${outcome.licence}`);
    if (outcome.status === 'refused') process.exitCode = 1;
  };
  for (const recording of RECORDINGS) {
    print(
      await fetchRecording(recording, {
        folder,
        fetch: (url) => fetch(url, { signal: AbortSignal.timeout(120_000) }),
        log: (text) => process.stderr.write(`${text}\n`),
      }),
    );
  }
  for (const each of NOT_SERVED) print({ ...each, status: 'skipped' });
}

if (import.meta.main) await main();
