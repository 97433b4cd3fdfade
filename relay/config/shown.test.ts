import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { shown, withoutSecrets } from './shown.ts';

describe('what an error shows', () => {
  const secrets = [
    randomBytes(32).toString('base64url'),
    randomBytes(32).toString('hex'),
    `whsec_${randomBytes(24).toString('base64')}`,
    `eyJhbGciOiJIUzI1NiJ9.${randomBytes(60).toString('base64url')}.${randomBytes(32).toString('base64url')}`,
  ];
  it.each(secrets)('leaves %s out, wherever it stands', (secret) => {
    for (const text of [secret, `--${secret}`, `"${secret}" is not a number`, `cannot read ${secret}: ENOENT`]) {
      const left = withoutSecrets(text);
      for (let at = 0; at + 12 <= secret.length; at += 1) expect(left).not.toContain(secret.slice(at, at + 12));
    }
    expect(shown(secret)).toBe(`[${secret.length} characters]`);
  });

  it.each([
    'unknown setting listne; did you mean listen?',
    "cannot read /etc/hayate/relay.json: ENOENT: no such file or directory, open '/etc/hayate/relay.json'",
    'hayate: --gifts-webhook-secret-file wants a path, comments.filter.secretFile and HAYATE_RELAY_ROOMS_LINGER_MS too',
    'cluster.natsUrls: tls:// and others',
    'cannot listen on 127.0.0.1:4433',
  ])('keeps %s', (text) => expect(withoutSecrets(text)).toBe(text));
});
