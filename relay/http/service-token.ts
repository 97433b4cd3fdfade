import { hash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { HayateError } from '@hayate/codec/errors';

const MIN_CHARS = 32;
const MAX_TOKENS = 2;
/** What a header may carry as a bearer token, RFC 6750. */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;

/** Says whether an Authorization header holds one of the service tokens, in a time that does not tell how near it is. */
export type ServiceTokenCheck = (authorization: string | undefined) => boolean;

/**
 * Tokens of a file, one a line; two while they are exchanged. They belong to the app's backend, never to a user.
 * @throws HayateError `invalid_argument`, without the file's content
 */
export function readServiceTokens(file: string): ServiceTokenCheck {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new HayateError('invalid_argument', `cannot read the service token ${file}`, { cause });
  }
  const tokens = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (tokens.length === 0 || tokens.length > MAX_TOKENS) {
    throw new HayateError('invalid_argument', `${file} must hold one service token, or two during an exchange`);
  }
  if (tokens.some((token) => token.length < MIN_CHARS || !TOKEN.test(token))) {
    throw new HayateError('invalid_argument', `${file}: a service token is ${MIN_CHARS} or more characters of base64`);
  }
  // Hashes have one length: comparing them tells nothing of the tokens'.
  const wanted = tokens.map((token) => hash('sha256', token, 'buffer'));
  return (authorization = '') => {
    const given = hash('sha256', authorization.replace(/^Bearer +/i, ''), 'buffer');
    let found = false;
    for (const each of wanted) if (timingSafeEqual(each, given)) found = true;
    return found && /^Bearer /i.test(authorization);
  };
}
