import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { HayateError } from '@hayate/codec/errors';

const PREFIX = 'whsec_';
const MIN_BYTES = 24;
const MAX_BYTES = 64;
const MAX_SECRETS = 2;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** The bytes of each secret, the newest first. */
export type Secrets = readonly Uint8Array[];

/**
 * Secrets of a file: `whsec_` and base64, one a line; two while they are exchanged.
 * @throws HayateError `invalid_argument`, without the file's content
 */
export async function readSecrets(file: string): Promise<Secrets> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new HayateError('invalid_argument', `cannot read the webhook secret ${file}`, { cause });
  }
  const lines = text.split('\n').map((line) => line.trim());
  const secrets = lines.filter((line) => line !== '').map((line) => secretOf(line, file));
  if (secrets.length === 0 || secrets.length > MAX_SECRETS) {
    throw new HayateError('invalid_argument', `${file} must hold one webhook secret, or two during an exchange`);
  }
  return secrets;
}

function secretOf(line: string, file: string): Uint8Array {
  const base64 = line.startsWith(PREFIX) ? line.slice(PREFIX.length) : '';
  const bytes = BASE64.test(base64) ? Buffer.from(base64, 'base64') : Buffer.alloc(0);
  if (bytes.length < MIN_BYTES || bytes.length > MAX_BYTES) {
    throw new HayateError(
      'invalid_argument',
      `${file}: a webhook secret is ${PREFIX} and base64 of ${MIN_BYTES} to ${MAX_BYTES} bytes`,
    );
  }
  return bytes;
}

/**
 * Headers of one attempt after https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md:
 * HMAC-SHA256 over `id.timestamp.body`, a signature for each secret.
 * @param nowMs ms since 1970; the header has seconds
 */
export function signedHeaders(id: string, body: string, nowMs: number, secrets: Secrets): Record<string, string> {
  const timestamp = Math.floor(nowMs / 1000);
  const signed = `${id}.${timestamp}.${body}`;
  const signatures = secrets.map((secret) => `v1,${createHmac('sha256', secret).update(signed).digest('base64')}`);
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signatures.join(' '),
  };
}
