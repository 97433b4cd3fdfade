import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { issueCertificate, makeAuthority } from '@hayate/engine';
import { freePorts } from './free-ports.ts';
import { goBinary } from './go-binary.ts';
import { Running } from './processes.ts';

const VERSION = 'v2.10.3';
const MODULE = 'github.com/letsencrypt/pebble/v2/cmd';

/** The ACME server of Let's Encrypt's own tests, with a name service whose records can be set. */
export interface Pebble {
  directoryUrl: string;
  /** PEM: the authority of its own server. */
  caFile: string;
  /** Program for `dns: {kind: "command"}`: adds TXT records, and leaves them there. */
  dnsCommand: string;
  /** PEM of the authority whose certificates it issues. */
  root(): Promise<string>;
  close(): Promise<void>;
}

export interface PebbleOptions {
  /** How long its certificates live. */
  validSeconds: number;
}

/** `skip`: why there is none. */
export async function startPebble({ validSeconds }: PebbleOptions): Promise<Pebble | { skip: string }> {
  const [server, names] = await Promise.all(
    ['pebble', 'pebble-challtestsrv'].map((name) => goBinary('pebble', `${MODULE}/${name}`, VERSION)),
  );
  if ('skip' in server!) return server;
  if ('skip' in names!) return names;
  const dir = mkdtempSync(join(tmpdir(), 'hayate-pebble-'));
  const write = (name: string, text: string) => {
    writeFileSync(join(dir, name), text);
    return join(dir, name);
  };
  const authority = makeAuthority({ name: 'Pebble of a test' });
  const caFile = write('ca.pem', authority.cert);
  const own = issueCertificate({
    authority: { key: authority.key, name: 'Pebble of a test' },
    names: ['127.0.0.1', 'localhost'],
  });
  const [acme, management, dns, dnsManagement] = await freePorts(4);
  const config = write(
    'pebble.json',
    JSON.stringify({
      pebble: {
        listenAddress: `127.0.0.1:${acme}`,
        managementListenAddress: `127.0.0.1:${management}`,
        certificate: write('pebble.pem', own.cert),
        privateKey: write('pebble.key', own.key),
        httpPort: 5002,
        tlsPort: 5001,
        ocspResponderURL: '',
        externalAccountBindingRequired: false,
        profiles: { default: { description: 'as short as asked for', validityPeriod: validSeconds } },
      },
    }),
  );
  // Without an interpreter of its own: `execFile` runs it as it is.
  const dnsCommand = write(
    'dns.mjs',
    `#!${process.execPath}
const [verb, name, value] = process.argv.slice(2);
// All of a name could be cleared, and none alone: a name and its wildcard are proved side by side, and the first to be done would
// take the proof of the other away.
if (verb !== 'add') process.exit(0);
const answer = await fetch('http://127.0.0.1:${dnsManagement}/set-txt', {
  method: 'POST', body: JSON.stringify({ host: name + '.', value }),
});
process.exit(answer.ok ? 0 : 1);
`,
  );
  chmodSync(dnsCommand, 0o755);
  const nameService = new Running(names!.path, [
    ...['-management', `127.0.0.1:${dnsManagement}`, '-dnsserver', `127.0.0.1:${dns}`],
    ...['-http01', '', '-https01', '', '-tlsalpn01', '', '-doh', ''],
  ]);
  const running = new Running(server!.path, ['-config', config, '-dnsserver', `127.0.0.1:${dns}`], {
    // No made-up delays; no made-up refusals of nonces: those belong to the client's library.
    env: { ...process.env, PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '0' },
  });
  await running.line(/ACME directory available/i, 10_000);
  return {
    directoryUrl: `https://127.0.0.1:${acme}/dir`,
    caFile,
    dnsCommand,
    root: () => page(management!, '/roots/0', authority.cert),
    async close() {
      await Promise.all([running.stop(), nameService.stop()]);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function page(port: number, path: string, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path, ca }, (response) => resolve(text(response))).on('error', reject);
  });
}
