import { readFileSync } from 'node:fs';
import { examineNats, type NatsExamination } from '@hayate/relay/directory/nats';
import { readCreds } from '@hayate/relay/nats';
import { type Finding, fail, ok, warn } from './finding.ts';

const DAY_S = 86_400;
const WARN_DAYS = 3;

export interface NatsLook {
  servers: readonly string[];
  caFile: string | undefined;
  credsFile: string | undefined;
  /** Whose domain it is. */
  region: string;
  role: 'relay' | 'fleet';
  nowMs: number;
}

/** Each server by itself, since a cluster works on while one of them is wrong; and how long the user lasts. */
export async function checkNats({ region, role, nowMs, ...access }: NatsLook): Promise<Finding[]> {
  const looks = await examineNats(access, region, role);
  const out = looks.map((look, n) => serverFinding(`nats.server.${n + 1}`, look, region));
  if (access.credsFile !== undefined) out.push(...userExpiry(access.credsFile, nowMs));
  return out;
}

function serverFinding(check: string, look: NatsExamination, region: string): Finding {
  const { server, problem, version, encrypted, jetStream, forbidden = [] } = look;
  if (problem) return fail(check, `${server}: ${problem.code}`, `${sentence(problem.advice)}.`);
  const found = `${server}: nats-server ${version}, ${encrypted ? 'by TLS' : 'in clear'}`;
  const keys = 'Make its credentials for this region again (hayate cluster keys --renew), and bring them.';
  if (jetStream === 'forbidden') return fail(check, `${found}; this user may not ask JetStream of ${region}`, keys);
  if (forbidden.length > 0) return fail(check, `${found}; this user may not hear ${forbidden.join(', ')}`, keys);
  if (jetStream === 'absent') {
    const advice = `Give it jetstream { domain: "${region}" } in nats.conf, and look whether most of the region's servers are up.`;
    return fail(check, `${found}; no JetStream of domain ${region} answers`, advice);
  }
  const whole = `${found}; JetStream of ${region} answers${jetStream === 'empty' ? ', no relay was there yet' : ''}`;
  if (!encrypted && !isLoopback(server)) {
    return warn(
      check,
      whole,
      'Gifts and room names cross the network in clear: use tls:// and the files of hayate cluster keys.',
    );
  }
  return ok(check, whole);
}

function userExpiry(file: string, nowMs: number): Finding[] {
  const check = 'nats.user';
  let ends: number | undefined;
  try {
    ends = readCreds(readFileSync(file, 'utf8')).claims.exp;
  } catch {
    // What is wrong with the file the servers' findings say, and that of the key.
    return [];
  }
  if (ends === undefined) return [ok(check, `${file} does not end`)];
  const days = (ends - nowMs / 1000) / DAY_S;
  const found = `${file} ends on ${new Date(ends * 1000).toISOString().slice(0, 10)}`;
  const advice = 'Bring another one: hayate enrol renews it by itself, hayate cluster keys --renew by hand.';
  if (days <= 0) return [fail(check, `${found}, which is past`, advice)];
  return [days < WARN_DAYS ? warn(check, found, advice) : ok(check, found)];
}

const isLoopback = (server: string) => /^([a-z]+:\/\/)?(127\.|\[::1\]|localhost)/.test(server);
const sentence = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
