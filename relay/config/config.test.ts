import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { natsAccess } from './cluster.ts';
import { committedDocs, configurationDocs } from './docs.ts';
import { ConfigError, loadConfig, parseConfig, redactConfig } from './load.ts';
import { settings } from './settings.ts';

const dir = mkdtempSync(join(tmpdir(), 'hayate-config-'));
afterAll(() => rmSync(dir, { recursive: true }));

function file(content: unknown): string {
  const path = join(dir, 'c.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

it('has defaults for everything', () => {
  const config = loadConfig();
  expect(config.rooms.lingerMs).toBe(5000);
  expect(config.http.host).toBe('127.0.0.1');
  expect(config.token.keyFile).toBeUndefined();
});

it('takes flag before environment before file', () => {
  const path = file({ rooms: { lingerMs: 1, emptyMs: 2, maxViewers: 3 } });
  const env = { HAYATE_RELAY_ROOMS_LINGER_MS: '10', HAYATE_RELAY_ROOMS_EMPTY_MS: '20' };
  const config = loadConfig({ file: path, env, flags: { 'rooms-linger-ms': '100' } });
  expect(config.rooms).toMatchObject({ lingerMs: 100, emptyMs: 20, maxViewers: 3, budgetMs: 100 });
});

it('reads the file that the environment names, and lists and booleans as text', () => {
  const env = {
    HAYATE_RELAY_CONFIG: file({ http: { port: 0 } }),
    HAYATE_RELAY_ORIGINS: 'https://a.example, https://b.example',
    HAYATE_RELAY_DEV: 'true',
    PATH: '/bin',
  };
  const config = loadConfig({ env, flags: { listenPort: 0, transport: undefined } });
  expect(config).toMatchObject({ http: { port: 0 }, dev: true, listen: { port: 0 }, transport: 'auto' });
  expect(config.origins).toEqual(['https://a.example', 'https://b.example']);
});

it.each([
  [
    'file',
    () => loadConfig({ file: file({ rooms: { lingerMS: 4 } }) }),
    /unknown setting rooms\.lingerMS .*did you mean rooms\.lingerMs\?/,
  ],
  ['environment', () => loadConfig({ env: { HAYATE_RELAY_HTTP_PROT: '1' } }), /did you mean HAYATE_RELAY_HTTP_PORT\?/],
  ['flag', () => loadConfig({ flags: { 'listen-prt': 1 } }), /did you mean listen-port\?/],
  ['object', () => parseConfig({ comments: { brust: 1 } }), /did you mean comments\.burst\?/],
  ['far from all', () => parseConfig({ zzzzzzzzzzzz: 1 }), /^unknown setting zzzzzzzzzzzz in the configuration$/],
])('refuses an unknown key: %s', (_, load, message) => {
  expect(load).toThrow(ConfigError);
  expect(load).toThrow(message);
});

it.each([
  [
    () => loadConfig({ env: { HAYATE_RELAY_HTTP_PORT: 'eighty' } }),
    /http\.port \(from HAYATE_RELAY_HTTP_PORT\): "eighty" is not a number/,
  ],
  [() => loadConfig({ flags: { 'http-port': '70000' } }), /http\.port \(from --http-port\)/],
  [() => loadConfig({ file: file({ http: { port: '80' } }) }), /http\.port/],
  [() => loadConfig({ file: file('{') }), /cannot read/],
  [() => loadConfig({ flags: { dev: 'maybe' } }), /neither true nor false/],
  [() => parseConfig({ certificate: { certFile: 'a.pem' } }), /go together/],
  [() => parseConfig({ gifts: { jwksUrl: 'http://keys.example/jwks' } }), /gifts\.jwksUrl: neither https nor/],
  [() => parseConfig({ gifts: { jwksUrl: 'https://keys.example/jwks', jwksFile: 'a' } }), /two sources/],
  [() => parseConfig({ token: { jwksUrl: 'http://keys.example/jwks' } }), /token\.jwksUrl: neither https nor/],
  [
    () => parseConfig({ token: { jwksUrl: 'https://keys.example/jwks', jwksFile: 'a' } }),
    /token\.jwksFile and .* two sources/,
  ],
  [() => parseConfig({ gifts: { webhook: { url: 'https://app.example' } } }), /secretFile go together/],
  [
    () => parseConfig({ gifts: { webhook: { url: 'http://app.example', secretFile: 's' } } }),
    /gifts\.webhook\.url: .*must be https/,
  ],
  [() => parseConfig({ cluster: { natsReplicas: 2 } }), /natsReplicas: neither 1 nor 3/],
  [() => parseConfig({ cluster: { emulate: { region: 'us' } } }), /cluster\.emulate: only with dev/],
  [() => parseConfig({ cluster: { natsUrls: ['tls://a:4222', 'nats://b:4222'] } }), /natsUrls: tls:\/\/ and others/],
  [() => parseConfig({ cluster: { natsUrls: ['a:4222'], natsCaFile: 'ca.pem' } }), /natsCaFile without tls:\/\//],
  [() => parseConfig([]), /must be an object/],
])('refuses a wrong value %#', (load, message) => {
  expect(load).toThrow(message);
});

it('prints every setting and no place of a secret', () => {
  const webhook = { url: 'https://app.example/secret/place', secretFile: '/secret/place' };
  const [token, api] = [{ keyFile: '/secret/place' }, { tokenFile: '/secret/place' }];
  const cluster = { natsCredsFile: '/secret/place' };
  const shown = redactConfig(parseConfig({ token, gifts: { webhook }, api, cluster }));
  expect(Object.keys(shown)).toEqual(settings.map((s) => s.path));
  expect(JSON.stringify(shown)).not.toContain('/secret/place');
  expect(shown['token.keyFile']).toBe('[set]');
});

it("trusts the cluster's authority for NATS with tls://, unless it has its own", () => {
  const access = (cluster: object) => natsAccess(parseConfig({ cluster: { caFile: 'ca.pem', ...cluster } }).cluster);
  expect(access({ natsUrls: ['tls://a:4222'] }).caFile).toBe('ca.pem');
  expect(access({ natsUrls: ['tls://a:4222'], natsCaFile: 'nats.pem' }).caFile).toBe('nats.pem');
  expect(access({ natsUrls: ['nats://a:4222'] }).caFile).toBeUndefined();
});

it('describes every setting, each once', () => {
  for (const s of settings) expect(s.description, s.path).not.toBe('');
  expect(new Set(settings.map((s) => s.env)).size).toBe(settings.length);
});

it('agrees with docs/configuration.md', () => {
  expect(committedDocs()).toBe(configurationDocs());
});

it('telemetry goes over TLS but for this machine, headers go with an endpoint, and neither is shown', () => {
  const endpoint = (url: string) => () => parseConfig({ telemetry: { otlp: { endpoint: url } } });
  expect(endpoint('http://collector.example:4318')).toThrow(/telemetry\.otlp\.endpoint: the URL must be https/);
  expect(endpoint('collector:4318')).toThrow(ConfigError);
  expect(() => parseConfig({ telemetry: { otlp: { headersFile: 'k' } } })).toThrow(/without an endpoint/);
  const config = parseConfig({ telemetry: { otlp: { endpoint: 'https://c.example/s3cret', headersFile: 'k3y' } } });
  expect(JSON.stringify(redactConfig(config))).not.toMatch(/s3cret|k3y/);
  expect(endpoint('http://127.0.0.1:4318')().telemetry.otlp.metricsSeconds).toBe(60);
});
