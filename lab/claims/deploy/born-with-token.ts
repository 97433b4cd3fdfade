import { existsSync } from 'node:fs';
import type { Checks, ClaimContext } from '../claim.ts';
import { said, schemaCheck } from './terraform-run.ts';

const TOKEN = `${'A'.repeat(42)}z`;

/** What must be nowhere, by what such things look like: Terraform is given none of them. */
const SECRETS: Record<string, RegExp> = {
  'a private key': /PRIVATE KEY/,
  'a seed of NATS': /\bS[OAUNC][A-Z2-7]{56}\b/,
  'a key that signs': /"(?:token|service)\.(?:key|token)"\s*:/,
};

interface Kept {
  outputs: Record<string, unknown>;
  /** user_data of each relay as it is in the state. */
  made_with: Record<string, string>;
  births: Record<string, string>;
}

/** Applies the configuration with a machine that enrols, on made-up machines, and reads what Terraform keeps of it. */
export async function bornWithToken(checks: Checks, { log }: ClaimContext): Promise<void> {
  if (!existsSync(schemaCheck)) return checks.skip('user_data and state: no tf-schema-check beside this checkout');
  log('user_data and state of a machine that enrols');
  const variables = `
  variables {
    enrolment = {
      ca     = "-----BEGIN CERTIFICATE-----\\nMII\\n-----END CERTIFICATE-----\\n"
      tokens = { "us-a-2" = "${TOKEN}" }
    }
  }`;
  const what =
    '{ outputs = { machines = output.machines, user_data = output.user_data, fleet = output.fleet }, births = output.births, made_with = { for id, m in local.relays : id => m.made_with } }';
  const kept = await said<Kept>(what, variables);
  if (!kept) return checks.check(false, 'Terraform said nothing of a machine that enrols');
  const { outputs, made_with: made, births } = kept;
  // The file in user_data is in base64.
  const born = Object.entries(made).flatMap(([id, text]) =>
    [...text.matchAll(/echo '([A-Za-z0-9+/=]+)' \| base64/g)].map((hit) => ({
      id,
      text: Buffer.from(hit[1]!, 'base64').toString('utf8'),
    })),
  );
  const all = JSON.stringify([outputs, made, born, births]);
  const found = Object.entries(SECRETS).flatMap(([name, pattern]) => (pattern.test(all) ? [name] : []));
  checks.figure('what Terraform keeps', {
    bytes: all.length,
    machines: Object.keys(made).length,
    born_with_a_token: born.map(({ id }) => id),
    secrets_found: found,
  });
  // Control: the one thing that is there is found, and in the one place where it is meant to be.
  checks.check(
    born.length === 1 && born[0]!.id === 'us-a-2' && born[0]!.text.includes(TOKEN),
    'control: no token found',
  );
  checks.check(born[0]?.text === births['us-a-2'], 'user_data and the output differ');
  checks.check(!JSON.stringify(outputs).includes(TOKEN), 'the token is in other outputs as well');
  checks.check(found.length === 0, `Terraform keeps ${found}`);
}
