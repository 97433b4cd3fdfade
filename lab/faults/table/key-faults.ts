import {
  createHash,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  randomUUID,
  sign,
  X509Certificate,
} from 'node:crypto';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { issueCertificate, makeAuthority } from '@hayate/engine';
import { selfSignedCertificate } from '@hayate/transport/fails-components';
import type { Fault, Found } from './fault.ts';
import { ROOM } from './load.ts';
import type { Stage } from './stage.ts';

const NOTHING_SEEN = { ended: 0, stillMs: 200, duringMs: 10 };
/** The relay looks at its files each second; the engine takes a file younger than 2 s for one that may change again. */
const TAKEN_MS = 5000;

/** Whole at once, as whatever renews it should write it. */
function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

interface Pair {
  cert: string;
  key: string;
}

const hashOf = ({ cert }: Pair) => createHash('sha256').update(new X509Certificate(cert).raw).digest('hex');

function wellPair(): Pair {
  const authority = makeAuthority();
  return issueCertificate({ authority: { key: authority.key }, names: ['localhost', '127.0.0.1'], days: 13 });
}

/** Ended half an hour ago. */
const endedPair = (): Pair => selfSignedCertificate({ names: ['localhost', '127.0.0.1'], days: 0.02 });

/** How long until newcomers who know only this certificate are let in; undefined: not within `limitMs`. */
async function letInMs(stage: Stage, hash: string, limitMs: number): Promise<number | undefined> {
  const to = { ...(await stage.address('newcomer')), hash };
  for (const since = performance.now(); performance.now() - since < limitMs; await sleep(100)) {
    const ms = await stage.joinMs(to).catch(() => undefined);
    if (ms !== undefined) return Math.round(performance.now() - since);
  }
  return undefined;
}

let ended: Pair | undefined;

const certificateFault: Fault = {
  name: 'certificate-expired-and-replaced',
  does: 'the certificate’s files hold one that has expired, then half of a file, then one that is good, while the relay runs',
  limits: NOTHING_SEEN,
  also: {
    expired: 'who comes while it has expired is told so by its own TLS and not let in',
    replaced: `who knows the new one is let in within ${TAKEN_MS} ms`,
  },
  setup(folder) {
    const { cert, key } = wellPair();
    // Takes 0.2 s of this thread, which the load has as well.
    ended = endedPair();
    writeFileSync(join(folder, 'cert.pem'), cert);
    writeFileSync(join(folder, 'key.pem'), key, { mode: 0o600 });
    const files = [
      '--certificate-cert-file',
      join(folder, 'cert.pem'),
      '--certificate-key-file',
      join(folder, 'key.pem'),
    ];
    return { flags: files };
  },
  async inflict(stage) {
    const put = ({ cert, key }: Pair) => {
      replace(join(stage.folder, 'cert.pem'), cert);
      replace(join(stage.folder, 'key.pem'), key);
    };
    put(ended!);
    const expiredIn = await letInMs(stage, hashOf(ended!), 3000);
    const good = wellPair();
    replace(join(stage.folder, 'cert.pem'), good.cert.slice(0, good.cert.length / 2));
    await sleep(1500);
    put(good);
    const goodIn = await letInMs(stage, hashOf(good), 2 * TAKEN_MS);
    return {
      expired: {
        ok: expiredIn === undefined,
        measured:
          expiredIn === undefined ? 'nobody was let in by the expired one' : 'somebody was let in by the expired one',
      },
      replaced: {
        ok: goodIn !== undefined && goodIn <= TAKEN_MS,
        measured:
          goodIn === undefined ? 'the new one was never served' : `the new one let somebody in after ${goodIn} ms`,
      },
    };
  },
};

interface Signing {
  kid: string;
  privateKey: KeyObject;
  publicKey: KeyObject;
}

function makeSigning(): Signing {
  return { kid: randomUUID(), ...generateKeyPairSync('ed25519') };
}

function jwks(...keys: Signing[]): string {
  return JSON.stringify({
    keys: keys.map(({ kid, publicKey }) => ({ ...publicKey.export({ format: 'jwk' }), kid, alg: 'EdDSA' })),
  });
}

/** As an app's backend signs it, by whatever library it likes. */
function tokenBy({ kid, privateKey }: Signing): string {
  const now = Math.floor(Date.now() / 1000);
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { room: ROOM, roles: ['viewer'], sub: 'newcomer', iat: now, exp: now + 3600 };
  const signed = `${part({ alg: 'EdDSA', kid })}.${part(claims)}`;
  return `${signed}.${sign(null, Buffer.from(signed), privateKey).toString('base64url')}`;
}

let first: Signing | undefined;

const tokenFault: Fault = {
  name: 'token-keys-rotated-and-removed',
  does: 'the JWKS file gets another key, then garbage, then it is removed, and the file of the shared key with it',
  limits: NOTHING_SEEN,
  also: {
    rotated: 'tokens of the new key let in within 3 s, those of the old one no more',
    removed: 'after garbage and removal tokens of the last good key and of the shared key still let in',
  },
  setup(folder) {
    first = makeSigning();
    writeFileSync(join(folder, 'token.key'), `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600 });
    writeFileSync(join(folder, 'jwks.json'), jwks(first));
    return { flags: ['--token-key-file', join(folder, 'token.key'), '--token-jwks-file', join(folder, 'jwks.json')] };
  },
  async inflict(stage) {
    const file = join(stage.folder, 'jwks.json');
    const joins = async (by: Signing) => {
      const token = tokenBy(by);
      return stage.joinMs({ ...(await stage.address('newcomer')), token }).then(
        () => true,
        () => false,
      );
    };
    const before = await joins(first!);
    const second = makeSigning();
    replace(file, jwks(second));
    const since = performance.now();
    let taken = false;
    while (!taken && performance.now() - since < 6000) taken = await joins(second);
    const takenMs = Math.round(performance.now() - since);
    const old = await joins(first!);
    replace(file, 'no set');
    await sleep(1200);
    const garbage = await joins(second);
    rmSync(file);
    rmSync(join(stage.folder, 'token.key'));
    await sleep(1200);
    const removed = (await joins(second)) && (await joins(second));
    const shared: Found = await stage.joinFound(1000);
    return {
      rotated: {
        ok: before && taken && takenMs <= 3000 && !old,
        measured: taken
          ? `the new key let in after ${takenMs} ms, the old one ${old ? 'still does' : 'does no more'}`
          : 'the new key never let in',
      },
      removed: {
        ok: garbage && removed && shared.ok,
        measured: `let in beside garbage: ${garbage}, without the file: ${removed}, by the shared key: ${shared.ok}`,
      },
    };
  },
};

export const keyFaults: Fault[] = [certificateFault, tokenFault];
