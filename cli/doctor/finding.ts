import { withoutSecrets } from '@hayate/relay';

/** `skip`: it could not be looked at here, and `found` says why. */
export type Level = 'ok' | 'warn' | 'fail' | 'skip';

/** What one look found. Nothing in it is a secret: where one lies may be said, never what it holds. */
export interface Finding {
  /** What was looked at, the same at each run: `port.listen`, `key.token.keyFile`. */
  check: string;
  level: Level;
  found: string;
  /** One sentence that says what to do; with `warn` and `fail` only. */
  advice?: string;
}

export const ok = (check: string, found: string): Finding => ({ check, level: 'ok', found });
export const skip = (check: string, found: string): Finding => ({ check, level: 'skip', found });
export const warn = (check: string, found: string, advice: string): Finding => ({
  ...{ check, level: 'warn', found, advice },
});
export const fail = (check: string, found: string, advice: string): Finding => ({
  ...{ check, level: 'fail', found, advice },
});

/** Of whatever was thrown, without what somebody may have pasted where it does not belong. Libraries put the reason in the cause at times. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return withoutSecrets(String(error));
  const { message, cause } = error;
  const whole = cause instanceof Error && cause.message && !message.includes(cause.message);
  return withoutSecrets(whole ? `${message}: ${cause.message}` : message);
}
