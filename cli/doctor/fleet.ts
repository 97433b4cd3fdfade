import type { FleetConfig } from '@hayate/fleet';
import { readServiceTokens, readSharedKey } from '@hayate/relay';
import { checkClock } from './clock.ts';
import type { Finding } from './finding.ts';
import type { Machine } from './machine.ts';
import { checkNats } from './nats.ts';
import { checkPort, checkPrivate } from './ports.ts';
import { checkProvider } from './provider.ts';
import { checkSecret } from './secrets.ts';
import { checkFolder } from './state.ts';

/** Everything that an instance of the fleet needs. */
export async function* checkFleet(config: FleetConfig, machine: Machine): AsyncGenerator<Finding> {
  const { listen, nats, serviceTokenFile, tokenKeyFile, providers, enrolment } = config;
  const nowMs = machine.nowMs();
  const expected = { scheme: 'http' as const, path: '/metrics', body: /^hayate_fleet_/m };
  yield await checkPort({ check: 'port.fleet', protocol: 'tcp', ...listen, setting: 'listen.port', expected });
  yield checkPrivate('private.fleet', listen.host, 'listen.host');
  yield* await checkClock(machine);
  const secret = { secret: true, nowMs };
  yield await checkSecret({ setting: 'serviceTokenFile', file: serviceTokenFile, read: readServiceTokens, ...secret });
  if (tokenKeyFile !== undefined) {
    yield await checkSecret({ setting: 'tokenKeyFile', file: tokenKeyFile, read: readSharedKey, ...secret });
  }
  if (enrolment) yield* checkFolder('enrolment', enrolment.stateDir);
  for (const [name, provider] of Object.entries(providers)) yield* await checkProvider(name, provider);
  const { urls, region, caFile, credsFile } = nats;
  yield* await checkNats({ servers: urls, caFile, credsFile, region, role: 'fleet', nowMs });
}
