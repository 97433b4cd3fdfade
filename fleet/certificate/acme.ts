import { Agent } from 'node:https';
import { HayateError } from '@hayate/codec/errors';
import acme from 'acme-client';
import type { DnsProvider } from './dns.ts';

/** An account with one authority. */
export interface AcmeAccount {
  /** PEM. */
  key: string;
  url: string;
}

export interface AcmeOptions {
  /** Of the authority: `https://acme-v02.api.letsencrypt.org/directory`. */
  directoryUrl: string;
  /** Told when something is wrong with a certificate. */
  email?: string;
  /** `live.example.com`, `*.live.example.com`. */
  names: readonly string[];
  dns: DnsProvider;
  /** The authority is told only once the records are seen here. Off where they are in no public zone. */
  checkDns: boolean;
  /** PEM of what the authority's own server shows; undefined: what everybody trusts. */
  caPem?: string;
}

export interface CertificatePair {
  /** PEM chain, the leaf first. */
  cert: string;
  key: string;
}

/** An account with the authority, which is agreed with its terms. */
export async function openAccount({ directoryUrl, email, caPem }: AcmeOptions): Promise<AcmeAccount> {
  trust(caPem);
  try {
    const key = (await acme.crypto.createPrivateEcdsaKey('P-256')).toString();
    const client = new acme.Client({ directoryUrl, accountKey: key });
    const contact = email === undefined ? {} : { contact: [`mailto:${email}`] };
    await client.createAccount({ termsOfServiceAgreed: true, ...contact });
    return { key, url: client.getAccountUrl() };
  } catch (cause) {
    const message = `account with ${directoryUrl}: ${(cause as Error).message}`;
    throw new HayateError('unavailable', message, { retryable: true, cause });
  }
}

/** Orders one certificate by DNS-01, with a new P-256 key. */
export async function orderCertificate(account: AcmeAccount, options: AcmeOptions): Promise<CertificatePair> {
  const { directoryUrl, names, dns, checkDns, caPem } = options;
  trust(caPem);
  try {
    // With its address: else the library looks the account up by an update without content, which authorities refuse.
    const client = new acme.Client({ directoryUrl, accountKey: account.key, accountUrl: account.url });
    const key = await acme.crypto.createPrivateEcdsaKey('P-256');
    const [, csr] = await acme.crypto.createCsr({ commonName: names[0]!, altNames: [...names] }, key);
    const cert = await client.auto({
      csr,
      termsOfServiceAgreed: true,
      challengePriority: ['dns-01'],
      skipChallengeVerification: !checkDns,
      challengeCreateFn: ({ identifier }, _challenge, proof) => dns.add(`_acme-challenge.${identifier.value}`, proof),
      challengeRemoveFn: ({ identifier }, _challenge, proof) =>
        dns.remove(`_acme-challenge.${identifier.value}`, proof),
    });
    return { cert, key: key.toString() };
  } catch (cause) {
    const message = `certificate of ${names.join(', ')}: ${(cause as Error).message}`;
    throw new HayateError('unavailable', message, { retryable: true, cause });
  }
}

/** The library has one set of settings for all that it asks. */
function trust(caPem: string | undefined): void {
  if (caPem !== undefined) acme.axios.defaults.httpsAgent = new Agent({ ca: caPem });
}
