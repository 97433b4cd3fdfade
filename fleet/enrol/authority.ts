import { createHash } from 'node:crypto';
import { HayateError } from '@hayate/codec/errors';
import {
  AuthorityKeyIdentifierExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  Pkcs10CertificateRequest,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
/** Peers whose clock is behind by so much still accept a new certificate. */
const BACKDATE_MS = 3600_000;
const DAY_MS = 24 * 3600_000;
const SERIAL_BYTES = 16;

cryptoProvider.set(crypto);

/** A request that is one: whose key signed it. */
export interface CheckedRequest {
  /** DER of the public key (SubjectPublicKeyInfo). */
  publicKey: CryptoKey;
  /** SHA-256 of its DER. */
  keyHash: Uint8Array;
}

/** @throws HayateError `invalid_argument` for what is no request, is not signed by its own key, or asks for another kind of key */
export async function checkRequest(pem: string): Promise<CheckedRequest> {
  try {
    const request = new Pkcs10CertificateRequest(pem);
    if (!(await request.verify())) throw new Error('its signature does not fit its key');
    const publicKey = await request.publicKey.export(EC, ['verify']);
    return { publicKey, keyHash: hashOf(new Uint8Array(request.publicKey.rawData)) };
  } catch (cause) {
    throw new HayateError('invalid_argument', `not a certificate request of a P-256 key: ${(cause as Error).message}`, {
      cause,
    });
  }
}

const hashOf = (der: Uint8Array) => new Uint8Array(createHash('sha256').update(der).digest());

/** Of the key in a certificate (DER), as `CheckedRequest.keyHash`. */
export const keyHashOf = (certificate: Uint8Array<ArrayBuffer>) =>
  hashOf(new Uint8Array(new X509Certificate(certificate).publicKey.rawData));

/** The cluster's authority, as `hayate cluster keys` makes it: vouches for keys that others made and keep. */
export class Authority {
  readonly #certificate: X509Certificate;
  readonly #key: CryptoKey;
  readonly #keyId: string;

  private constructor(certificate: X509Certificate, key: CryptoKey) {
    this.#certificate = certificate;
    this.#key = key;
    const keyId = certificate.getExtension(SubjectKeyIdentifierExtension)?.keyId;
    if (keyId === undefined) throw new Error('its certificate does not name its key');
    this.#keyId = keyId;
  }

  /** @throws HayateError `invalid_argument` when the two are no pair */
  static async open(cert: string, key: string): Promise<Authority> {
    try {
      const certificate = new X509Certificate(cert);
      const der = PemConverter.decodeFirst(key);
      const privateKey = await crypto.subtle.importKey('pkcs8', der, EC, false, ['sign']);
      const authority = new Authority(certificate, privateKey);
      const probe = new TextEncoder().encode('probe');
      const signature = await crypto.subtle.sign(EC, privateKey, probe);
      const publicKey = await certificate.publicKey.export(EC, ['verify']);
      if (!(await crypto.subtle.verify(EC, publicKey, signature, probe))) throw new Error('they are no pair');
      return authority;
    } catch (cause) {
      throw new HayateError('invalid_argument', `authority: ${(cause as Error).message}`, { cause });
    }
  }

  /** PEM. For both ends of a connection. `names`: DNS names, the first one the holder's own. */
  async issue(
    publicKey: CryptoKey,
    { names, days, nowMs }: { names: readonly string[]; days: number; nowMs: number },
  ): Promise<string> {
    const serial = crypto.getRandomValues(new Uint8Array(SERIAL_BYTES));
    // DER's integers have a sign, and no needless zeros: a first byte of 0x40 to 0x7f is safe from both.
    serial[0] = 0x40 | (serial[0]! & 0x3f);
    const certificate = await X509CertificateGenerator.create({
      serialNumber: Buffer.from(serial).toString('hex'),
      subject: [{ CN: [names[0]!] }],
      // Byte for byte what the authority calls itself: verifiers compare bytes.
      issuer: this.#certificate.subjectName,
      notBefore: new Date(nowMs - BACKDATE_MS),
      notAfter: new Date(nowMs + days * DAY_MS),
      publicKey,
      signingKey: this.#key,
      signingAlgorithm: EC,
      extensions: [
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
        new SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns' as const, value }))),
        // What the authority says of its key, and not what another library would hash.
        new AuthorityKeyIdentifierExtension(this.#keyId),
      ],
    });
    return `${certificate.toString('pem')}\n`;
  }
}

/** A new P-256 key (PKCS 8 PEM), as only its machine has it. */
export async function makeKey(): Promise<string> {
  const { privateKey } = await crypto.subtle.generateKey(EC, true, ['sign', 'verify']);
  const der = await crypto.subtle.exportKey('pkcs8', privateKey);
  return `${PemConverter.encode(der, 'PRIVATE KEY')}\n`;
}

/** PEM. @throws HayateError `invalid_argument` for what is no P-256 key in PKCS 8 PEM */
export async function makeRequest(keyPem: string, name: string): Promise<string> {
  try {
    const keys = await keyPair(keyPem);
    const request = await Pkcs10CertificateRequestGenerator.create({
      name: [{ CN: [name] }],
      keys,
      signingAlgorithm: EC,
    });
    return `${request.toString('pem')}\n`;
  } catch (cause) {
    throw new HayateError('invalid_argument', `not a P-256 key: ${(cause as Error).message}`, { cause });
  }
}

async function keyPair(pem: string): Promise<CryptoKeyPair> {
  const privateKey = await crypto.subtle.importKey('pkcs8', PemConverter.decodeFirst(pem), EC, true, ['sign']);
  const { d: _, key_ops: __, ...jwk } = await crypto.subtle.exportKey('jwk', privateKey);
  const publicKey = await crypto.subtle.importKey('jwk', { ...jwk, key_ops: ['verify'] }, EC, true, ['verify']);
  return { privateKey, publicKey };
}
