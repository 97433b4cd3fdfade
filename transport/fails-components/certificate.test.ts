import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { expect, it } from 'vitest';
import { selfSignedCertificate } from './certificate.ts';

it.each([0x00, 0x01, 0x7f, 0x80, 0xff])('a serial number of bytes %i makes a certificate that TLS takes', (byte) => {
  const { cert, key } = selfSignedCertificate({ random: new Uint8Array(16).fill(byte) });
  expect(() => createSecureContext({ cert, key })).not.toThrow();
  const { serialNumber } = new X509Certificate(cert);
  expect(serialNumber).toHaveLength(32);
  expect(BigInt(`0x${serialNumber}`)).toBeGreaterThan(0n);
});
