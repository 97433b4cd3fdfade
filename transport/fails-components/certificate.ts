import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import forge from 'node-forge';

export interface PemPair {
  cert: string;
  key: string;
  /** SHA-256 of the certificate's DER. */
  hash: Uint8Array;
}

/**
 * A certificate for the machines without the engine, whose own certificates are better (P-256, renewed by themselves).
 * RSA 2048, since node-forge, one package without dependencies, signs nothing else; browsers take it over `wss` after
 * the user's consent, never by hash. `random`: 16 bytes, of the serial number; default new ones.
 */
export function selfSignedCertificate(options: { names?: string[]; days?: number; random?: Uint8Array } = {}): PemPair {
  const names = options.names ?? ['localhost', '127.0.0.1', '::1'];
  const pair = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  });
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.publicKeyFromPem(pair.publicKey);
  certificate.serialNumber = serialNumber(options.random ?? randomBytes(16));
  const hourMs = 3_600_000;
  certificate.validity.notBefore = new Date(Date.now() - hourMs);
  certificate.validity.notAfter = new Date(Date.now() - hourMs + (options.days ?? 14) * 24 * hourMs);
  const name = [{ name: 'commonName', value: names[0] ?? 'localhost' }];
  certificate.setSubject(name);
  certificate.setIssuer(name);
  certificate.setExtensions([
    { name: 'basicConstraints', cA: false },
    { name: 'keyUsage', digitalSignature: true, keyEncipherment: true },
    { name: 'extKeyUsage', serverAuth: true },
    {
      name: 'subjectAltName',
      altNames: names.map((value) => (isIP(value) === 0 ? { type: 2, value } : { type: 7, ip: value })),
    },
  ]);
  certificate.sign(forge.pki.privateKeyFromPem(pair.privateKey), forge.md.sha256.create());
  const cert = forge.pki.certificateToPem(certificate);
  return { cert, key: pair.privateKey, hash: certificateHash(cert) };
}

/**
 * Of 16 random bytes, in hex: positive, and with a first byte that DER keeps. Where it is 0 node-forge takes one off and leaves
 * what follows, and a certificate with two of them is refused for its padding.
 */
function serialNumber(random: Uint8Array): string {
  const [first = 0, ...rest] = random;
  return Buffer.from([(first & 0x3f) | 0x40, ...rest]).toString('hex');
}

/** SHA-256 of the first certificate in `pem`. */
export function certificateHash(pem: string): Uint8Array {
  const body = /-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----/.exec(pem)?.[1] ?? '';
  return createHash('sha256').update(Buffer.from(body, 'base64')).digest();
}
