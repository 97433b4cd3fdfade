import { createHmac, timingSafeEqual } from 'node:crypto';

/** The event, or undefined when the relay did not send it (answer 401). `secrets` as in the relay's file: `whsec_...` */
export function verified(headers: Record<string, string | undefined>, rawBody: string, secrets: readonly string[]) {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures } = headers;
  if (!id || !timestamp || !signatures) return undefined;
  // An old request that somebody recorded; `!` and `<=` so that what is no number is refused too.
  if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) <= 300)) return undefined;
  const given = signatures.split(' ').filter((each) => each.startsWith('v1,'));
  const genuine = secrets.some((secret) => {
    const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
    const right = createHmac('sha256', key).update(`${id}.${timestamp}.${rawBody}`).digest();
    return given.some((each) => {
      const bytes = Buffer.from(each.slice(3), 'base64');
      return bytes.length === right.length && timingSafeEqual(bytes, right);
    });
  });
  return genuine ? JSON.parse(rawBody) : undefined;
}
