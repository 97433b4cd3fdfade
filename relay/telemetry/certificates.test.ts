import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { selfSignedCertificate } from '@hayate/transport/fails-components';
import { afterEach, expect, it } from 'vitest';
import { CertificateExpiries } from './certificates.ts';

const dir = mkdtempSync(join(tmpdir(), 'hayate-certificates-'));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

it('tells when certificates end, again once a file has changed, and nothing of what is none', async () => {
  const [file, other] = [join(dir, 'current.pem'), join(dir, 'no.pem')];
  const put = (days: number, atSeconds: number) => {
    const { cert, key } = selfSignedCertificate({ days });
    // As the engine keeps its own: lines of its own first, and the key behind.
    writeFileSync(file, `a line of another kind\nmade 1\n${cert}${key}`);
    utimesSync(file, atSeconds, atSeconds);
  };
  put(10, 1000);
  writeFileSync(other, 'no certificate');
  const expiries = new CertificateExpiries({ public: file, trunk: other, third: join(dir, 'absent.pem') });
  const days = async () =>
    [...(await expiries.read())].map(([use, s]) => [use, Math.round((s - Date.now() / 1000) / 86_400)]);
  expect(await days()).toEqual([['public', 10]]);
  put(3, 2000);
  expect(await days()).toEqual([['public', 3]]);
});
