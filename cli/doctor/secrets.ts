import { statSync } from 'node:fs';
import { type Finding, fail, ok, reasonOf, warn } from './finding.ts';

const DAY_MS = 86_400_000;
const OLD_DAYS = 365;

export interface SecretLook {
  /** The setting that names it. */
  setting: string;
  file: string;
  /** Rejects or throws when the file is of no use, without its content. */
  read(file: string): unknown;
  /** False: a public key, which anybody may read. */
  secret: boolean;
  nowMs: number;
}

/** A key or token in a file: whether it can be used, who may read it, how old it is. */
export async function checkSecret({ setting, file, read, secret, nowMs }: SecretLook): Promise<Finding> {
  const check = `key.${setting}`;
  try {
    await read(file);
  } catch (error) {
    return fail(check, reasonOf(error), `Bring a file for ${setting} that the user that runs this program can read.`);
  }
  const { mode, mtimeMs } = statSync(file);
  const shown = `${file}, mode ${(mode & 0o777).toString(8).padStart(4, '0')}`;
  if (secret && (mode & 0o007) !== 0) {
    return fail(
      check,
      `${shown}: every user of this machine may read or change it`,
      `chmod 640 ${file} (or 600), and replace what is in it if others use this machine.`,
    );
  }
  if ((mode & 0o022) !== 0) {
    return warn(check, `${shown}: more than its owner may change it`, `chmod go-w ${file}`);
  }
  const days = Math.floor((nowMs - mtimeMs) / DAY_MS);
  const found = `${shown}, ${days} days old`;
  if (secret && days > OLD_DAYS) {
    return warn(check, found, 'Replace it once a year: docs/rooms.md and docs/gifts.md say how, without a gap.');
  }
  return ok(check, found);
}
