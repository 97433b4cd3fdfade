import type { PlantedFiles } from './planted.ts';

export interface CommandLine {
  args: string[];
  env: Record<string, string>;
}

/** Where a person might paste a secret at the command line; every one of these ends with an error. */
export function commandLines(
  secret: string,
  files: PlantedFiles,
  write: (name: string, text: string) => string,
): CommandLine[] {
  const line = (...args: string[]): CommandLine => ({ args, env: {} });
  const relay = ['relay', '--json', '--listen-port', '0', '--http-port', '0', '--metrics-port', '0'];
  const nowhere = ['--url', 'https://127.0.0.1:9/v1'];
  const config = write(
    'relay.json',
    JSON.stringify({ log: { level: secret }, http: { port: secret }, token: { [secret]: secret } }),
  );
  const broken = write('broken.json', `{"token": ${secret}}`);
  const fleet = write(
    'fleet.json',
    JSON.stringify({ providers: { a: { kind: secret } }, [secret]: secret, nats: { urls: [secret] } }),
  );
  const control = write('control.json', JSON.stringify({ listen: { port: secret }, [secret]: secret }));
  return [
    line(secret),
    line('relay', secret),
    line('relay', `--${secret}`),
    line(...relay, '--log-level', secret),
    line('relay', '--json', '--http-port', secret),
    line(...relay, '--transport', secret),
    line(...relay, '--token-key-file', secret),
    line(...relay, '--api-token-file', secret, '--token-key-file', files.tokenKey),
    line(...relay, '--gifts-webhook-url', secret, '--gifts-webhook-secret-file', secret),
    line(...relay, '--token-jwks-url', secret),
    line(...relay, '--public-url', secret, '--hybrid', secret),
    line('relay', '--config', config, '--json'),
    line('relay', '--config', broken),
    line('doctor', '--config', config, '--json'),
    line('doctor', '--config', broken),
    line(
      'doctor',
      '--json',
      '--token-key-file',
      secret,
      '--api-token-file',
      secret,
      '--certificate-cert-file',
      secret,
      '--certificate-key-file',
      secret,
    ),
    { args: [...relay], env: { HAYATE_RELAY_DRAIN_MS: secret } },
    { args: [...relay], env: { HAYATE_RELAY_HYBRID: secret } },
    { args: [...relay], env: { [`HAYATE_RELAY_${secret.replace(/[^A-Za-z0-9_]/g, '_')}`]: 'x' } },
    { args: [...relay], env: { HAYATE_RELAY_CONFIG: secret } },
    { args: ['watch', '--room', 'demo', ...nowhere, '--json', '--wait', '1'], env: { HAYATE_TOKEN: secret } },
    line(
      'watch',
      '--room',
      'demo',
      '--url',
      `https://127.0.0.1:9/v1?token=${encodeURIComponent(secret)}`,
      '--token',
      secret,
      '--wait',
      '1',
    ),
    line('watch', '--room', 'demo', '--url', secret, '--token', secret),
    line('watch', '--room', 'demo', ...nowhere, '--token', secret, '--hash', secret),
    line('watch', '--room', 'demo', '--seconds', secret),
    line('watch', '--room', 'demo', '--link', secret),
    line('publish', '--room', 'demo', secret, ...nowhere, '--token', secret),
    line('gift', '--room', 'demo', ...nowhere, '--token', secret, '--ticket', secret, '--json'),
    line('gift', '--room', 'demo', '--amount', secret),
    line('token', '--room', 'demo', '--sub', 'ann', '--key-file', secret),
    line('token', '--room', 'demo', '--sub', 'ann', '--ttl', secret),
    line('rooms', 'list', '--api', secret, '--service-token-file', files.serviceToken),
    line('rooms', 'list', '--api', 'http://127.0.0.1:9', '--service-token-file', secret),
    line(
      'rooms',
      'list',
      '--api',
      `http://127.0.0.1:9/?token=${encodeURIComponent(secret)}`,
      '--service-token-file',
      files.serviceToken,
      '--json',
    ),
    line('gifts', 'list', '--ledger', secret),
    line('gifts', 'list', '--from', secret),
    line('cluster', 'relays', '--api', secret, '--service-token-file', secret),
    line('cluster', 'keys', '--dir', '/proc/none', '--nats', secret),
    line('control', '--config', control),
    line('control', 'token', secret, '--region', 'jp', '--config', control),
    line('control', 'token', 'jp-1', '--region', 'jp', '--address', secret, '--config', control),
    line('fleet', 'run', '--config', fleet),
    line('fleet', 'run', '--config', secret),
    line('fleet', 'status', '--api', 'http://127.0.0.1:9', '--service-token-file', secret, '--json'),
    line('link', '--listen', secret),
    line('loadtest', 'run', secret),
    line('loadtest', 'run', 'loadtest/scripts/smoke.ts', '--vus', secret),
    line('codec-bench', secret),
  ];
}
