import { randomUUID } from 'node:crypto';
import { isCommentText } from '@hayate/codec/messages';
import { type Secrets, signedHeaders } from '../webhook/index.ts';
import type { FallibleFilter, FilteredComment, Verdict } from './filter.ts';

/** A verdict is short; with a replaced text at most this. */
const MAX_ANSWER_BYTES = 16_384;

export interface HookOptions {
  /** From `webhookUrl`. */
  url: URL;
  /** Those that sign now. */
  secrets(): Secrets;
  /** Since 1970, ms. */
  dateMs(): number;
}

type Answer = Exclude<Verdict, { do: 'unavailable' }>;

/** Body of the request: JSON. */
interface HookRequest {
  type: 'comment';
  data: FilteredComment;
}

/**
 * Asks the app's backend: POST, signed as webhooks are. 204 allows; 200 with `{"verdict": "allow" | "refuse"}` or
 * `{"verdict": "replace", "text": "..."}` (1 to 500 characters). Anything else is a failure. The connections stay open.
 */
export class HookFilter implements FallibleFilter {
  readonly #options: HookOptions;

  constructor(options: HookOptions) {
    this.#options = options;
  }

  async judge(comment: FilteredComment, signal: AbortSignal): Promise<Answer> {
    const { url, secrets, dateMs } = this.#options;
    const request: HookRequest = { type: 'comment', data: comment };
    const body = JSON.stringify(request);
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        ...signedHeaders(`comment_${randomUUID()}`, body, dateMs(), secrets()),
        'content-type': 'application/json',
        'accept-encoding': 'identity',
        'user-agent': 'hayate',
      },
      body,
      redirect: 'manual',
      signal,
    });
    const text = await bodyOf(response);
    if (response.status === 204) return { do: 'allow' };
    if (response.status !== 200) throw new Error(`the comment filter answered ${response.status}`);
    return verdictOf(JSON.parse(text));
  }
}

/** Read to its end, so that the connection is used again. */
async function bodyOf({ body }: Response): Promise<string> {
  if (!body) return '';
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw new Error('the answer of the comment filter is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function verdictOf(answer: unknown): Answer {
  const { verdict, text } = (answer ?? {}) as { verdict?: unknown; text?: unknown };
  if (verdict === 'allow' || verdict === 'refuse') return { do: verdict };
  if (verdict === 'replace' && typeof text === 'string' && isCommentText(text)) return { do: 'replace', text };
  throw new Error('the answer of the comment filter has no verdict');
}
