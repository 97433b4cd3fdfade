import { HayateError } from '@hayate/codec/errors';

const TOKEN = '{enrolmentToken}';

/** A single-use token for the machine that becomes this relay. */
export type IssueToken = (machine: { id: string; region: string }) => string;

/**
 * A machine's user_data: `text` with its `{id}`, `{region}` and `{enrolmentToken}`. It stays in the machine's metadata in clear.
 * @throws HayateError `invalid_argument` as `checkUserData`
 */
export function filledUserData(text: string, machine: { id: string; region: string }, issue?: IssueToken): string {
  checkUserData(text, issue);
  const named = text.replaceAll('{id}', machine.id).replaceAll('{region}', machine.region);
  return issue ? named.replaceAll(TOKEN, issue(machine)) : named;
}

/** @throws HayateError `invalid_argument`: wants tokens that nobody gives, or leaves out those that are given */
export function checkUserData(text: string, issue?: IssueToken): void {
  const wants = text.includes(TOKEN);
  if (wants && !issue) throw new HayateError('invalid_argument', `user_data wants ${TOKEN}: that needs "enrolment"`);
  if (!wants && issue) throw new HayateError('invalid_argument', `user_data has no ${TOKEN}: nobody would enrol`);
}
