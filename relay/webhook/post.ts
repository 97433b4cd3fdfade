import { HayateError } from '@hayate/codec/errors';
import { type AttemptResult, retryAfterMs } from './policy.ts';

/** Of an answer, only its status counts; this much of its body is read, so that the connection can be used again. */
const MAX_BODY_BYTES = 65_536;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * The address of the backend. The operator chose it, so private addresses are allowed; without TLS only this machine is.
 * @throws HayateError `invalid_argument`, without path and query: they may hold a secret
 */
export function webhookUrl(text: string): URL {
  const refuse = (why: string) => new HayateError('invalid_argument', `the URL ${why}`);
  if (!URL.canParse(text)) throw refuse('is none');
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') throw refuse('must not hold a user or password');
  if (url.protocol === 'http:' && !LOOPBACK.test(url.hostname)) throw refuse('must be https, but for loopback');
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw refuse('must be https');
  return url;
}

interface PostRequest {
  url: URL;
  headers: Record<string, string>;
  body: string;
  /** For the whole attempt, ms. */
  timeoutMs: number;
  /** Ends it at once. */
  signal: AbortSignal;
}

/** One attempt. Follows no redirect. Never rejects. Undefined when `signal` ended it: nobody knows what came of it. */
export type Post = (request: PostRequest) => Promise<AttemptResult | undefined>;

export const post: Post = async ({ url, headers, body, timeoutMs, signal }) => {
  if (signal.aborted) return undefined;
  // Not AbortSignal.any: it leaves something behind at a signal that outlives the attempt, each time.
  const attempt = new AbortController();
  const end = () => attempt.abort();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    end();
  }, timeoutMs);
  signal.addEventListener('abort', end);
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        ...headers,
        'content-type': 'application/json',
        'accept-encoding': 'identity',
        'user-agent': 'hayate',
      },
      body,
      redirect: 'manual',
      signal: attempt.signal,
    });
    const waitMs = retryAfterMs(response.headers.get('retry-after'), Date.now());
    await drain(response);
    return { kind: 'answer', status: response.status, ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }) };
  } catch {
    if (late) return { kind: 'silence', reason: 'timeout' };
    return signal.aborted ? undefined : { kind: 'silence', reason: 'connection' };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
  }
};

async function drain({ body }: Response): Promise<void> {
  if (!body) return;
  let bytes = 0;
  try {
    for await (const chunk of body) {
      bytes += chunk.length;
      if (bytes > MAX_BODY_BYTES) break;
    }
  } catch {
    // The status had come before: it counts.
  }
}
