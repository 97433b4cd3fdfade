import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { rootCertificates } from 'node:tls';
import { type Finding, fail, ok, reasonOf, warn } from './finding.ts';

const DAY_MS = 86_400_000;
const WARN_DAYS = 7;
/** Of a certificate that lives two weeks, what is left when it ought to have been replaced. */
const WARN_SHARE = 0.2;

export interface CertificateLook {
  /** `relay`, `trunk`. */
  name: string;
  certFile: string;
  /** Undefined: an authority's, whose key is elsewhere. */
  keyFile?: string | undefined;
  /** Names or addresses that it has to bear. */
  names: readonly string[];
  /** PEM of the authority that has to vouch for it; undefined: one that browsers know. */
  caFile?: string | undefined;
  /** How to get another one. */
  renewal: string;
  nowMs: number;
}

/** Expiry, names, key and chain of a PEM file. */
export function checkCertificate(look: CertificateLook): Finding[] {
  const check = `certificate.${look.name}`;
  let chain: X509Certificate[];
  try {
    chain = readChain(look.certFile);
  } catch (error) {
    return [fail(check, `${look.certFile}: ${reasonOf(error)}`, look.renewal)];
  }
  const out = [expiry(look, chain)];
  const leaf = chain[0]!;
  const unnamed = look.names.filter((name) => (isIP(name) ? leaf.checkIP(name) : leaf.checkHost(name)) === undefined);
  if (unnamed.length > 0) {
    const found = `${look.certFile} is not for ${unnamed.join(', ')} (it has ${leaf.subjectAltName ?? 'no names'})`;
    out.push(fail(`${check}.names`, found, look.renewal));
  } else if (look.names.length > 0) out.push(ok(`${check}.names`, `it is for ${look.names.join(', ')}`));
  if (look.keyFile !== undefined) out.push(key(`${check}.key`, leaf, look.keyFile));
  if (look.keyFile !== undefined) out.push(chainOf(`${check}.chain`, chain, look));
  return out;
}

function readChain(file: string): X509Certificate[] {
  const text = readFileSync(file, 'utf8');
  const pems = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (pems.length === 0) throw new Error('it holds no certificate in PEM');
  return pems.map((pem) => new X509Certificate(pem));
}

/** Of the first one in the chain that ends. */
function expiry({ name, certFile, nowMs, renewal }: CertificateLook, chain: readonly X509Certificate[]): Finding {
  const check = `certificate.${name}.expiry`;
  const ends = Math.min(...chain.map(({ validTo }) => Date.parse(validTo)));
  const begins = Math.max(...chain.map(({ validFrom }) => Date.parse(validFrom)));
  const days = (ends - nowMs) / DAY_MS;
  const found = `${certFile} ends on ${new Date(ends).toISOString().slice(0, 10)}`;
  if (nowMs < begins)
    return fail(
      check,
      `${certFile} counts from ${new Date(begins).toISOString()} on only`,
      'Set the clock of this machine, or wait.',
    );
  if (days <= 0) return fail(check, `${found}, which is past`, renewal);
  const left = `${found}, in ${days.toFixed(1)} days`;
  if (days < Math.min(WARN_DAYS, (WARN_SHARE * (ends - begins)) / DAY_MS)) return warn(check, left, renewal);
  return ok(check, left);
}

function key(check: string, leaf: X509Certificate, keyFile: string): Finding {
  try {
    if (leaf.checkPrivateKey(createPrivateKey(readFileSync(keyFile))))
      return ok(check, `${keyFile} is the certificate's`);
    return fail(check, `${keyFile} is another certificate's key`, 'Bring certificate and key of one pair.');
  } catch (error) {
    // OpenSSL's words for a broken file hold none of it.
    return fail(
      check,
      `${keyFile}: ${reasonOf(error)}`,
      'Bring the PEM key of this certificate, readable by the user that runs this program.',
    );
  }
}

function chainOf(check: string, chain: readonly X509Certificate[], { caFile }: CertificateLook): Finding {
  for (const [n, each] of chain.slice(0, -1).entries()) {
    const next = chain[n + 1]!;
    if (!signedBy(each, next)) {
      return fail(
        check,
        `certificate ${n + 2} of the file did not issue the one before it`,
        'Put the chain into the file in order: its own certificate, then each issuer.',
      );
    }
  }
  const last = chain.at(-1)!;
  if (caFile !== undefined) {
    try {
      if (readChain(caFile).some((root) => signedBy(last, root))) return ok(check, `${caFile} vouches for it`);
    } catch (error) {
      return fail(check, `${caFile}: ${reasonOf(error)}`, 'Bring the PEM certificate of the authority.');
    }
    return fail(
      check,
      `${caFile} does not vouch for it`,
      'Bring certificates and authority of one cluster (hayate cluster keys).',
    );
  }
  if (chain.length === 1 && signedBy(last, last)) {
    return warn(
      check,
      'it is self-made: browsers take it by its hash only, and for two weeks',
      'Order one (docs/deploy.md), unless clients are given its hash.',
    );
  }
  const known = rootCertificates.some((pem) => issuedByRoot(last, pem));
  if (known) return ok(check, `${chain.length} in the file, up to an authority that Node knows`);
  return warn(
    check,
    'it does not end at an authority that Node knows',
    'Put the intermediate certificates into the file, unless the authority is your own.',
  );
}

const signedBy = (each: X509Certificate, issuer: X509Certificate) =>
  each.checkIssued(issuer) && each.verify(issuer.publicKey);

function issuedByRoot(last: X509Certificate, pem: string): boolean {
  const root = new X509Certificate(pem);
  // A chain may hold the root itself.
  return root.fingerprint256 === last.fingerprint256 || signedBy(last, root);
}
