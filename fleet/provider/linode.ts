import { HayateError } from '@hayate/codec/errors';
import { z } from 'zod';

const page = <T extends z.ZodType>(item: T) => z.object({ data: z.array(item), page: z.number(), pages: z.number() });
const instance = z.object({
  id: z.number(),
  label: z.string(),
  ipv4: z.array(z.string()),
  ipv6: z.string().nullable(),
});
const domain = z.object({ id: z.number(), domain: z.string() });
const domainRecord = z.object({ id: z.number(), type: z.string(), name: z.string(), target: z.string() });

export type LinodeInstance = z.infer<typeof instance>;
export type LinodeDomainRecord = z.infer<typeof domainRecord>;

export interface LinodeOptions {
  /** Read anew at each call: a new token needs no restart. */
  token(): string;
  apiUrl?: string;
}

const API_URL = 'https://api.linode.com/v4';
const REQUEST_MS = 15_000;
const PAGE_SIZE = 100;

/** The few calls of Linode's API that the control node makes. @throws HayateError `unavailable`, retryable for 408, 429 and 5xx */
export class Linode {
  readonly #options: LinodeOptions;

  constructor(options: LinodeOptions) {
    this.#options = options;
  }

  /** Labels are unique in an account. */
  async instance(label: string): Promise<LinodeInstance | undefined> {
    const found = await this.#list('/linode/instances', instance, { label });
    return found.find((each) => each.label === label);
  }

  async domain(name: string): Promise<{ id: number } | undefined> {
    const found = await this.#list('/domains', domain, { domain: name });
    return found.find((each) => each.domain === name);
  }

  records(domainId: number): Promise<LinodeDomainRecord[]> {
    return this.#list(`/domains/${domainId}/records`, domainRecord);
  }

  async addTxt(domainId: number, name: string, target: string): Promise<void> {
    const body = { type: 'TXT', name, target, ttl_sec: 30 };
    await this.#call('POST', `/domains/${domainId}/records`, { body });
  }

  async removeRecord(domainId: number, id: number): Promise<void> {
    await this.#call('DELETE', `/domains/${domainId}/records/${id}`);
  }

  async #list<T extends z.ZodType>(path: string, item: T, filter?: object): Promise<z.infer<T>[]> {
    const all: z.infer<T>[] = [];
    for (let n = 1; ; n += 1) {
      const answer = await this.#call('GET', `${path}?page=${n}&page_size=${PAGE_SIZE}`, { filter });
      const { data, pages } = page(item).parse(answer);
      all.push(...data);
      if (n >= pages) return all;
    }
  }

  async #call(method: string, path: string, { body, filter }: { body?: object; filter?: object | undefined } = {}) {
    const { token, apiUrl = API_URL } = this.#options;
    const what = `Linode API: ${method} ${path.split('?')[0]}`;
    let response: Response;
    try {
      response = await fetch(`${apiUrl}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token()}`,
          'content-type': 'application/json',
          // Its filters are JSON in a header.
          ...(filter && { 'x-filter': JSON.stringify(filter) }),
        },
        signal: AbortSignal.timeout(REQUEST_MS),
        ...(body && { body: JSON.stringify(body) }),
      });
    } catch (cause) {
      throw new HayateError('unavailable', `${what}: ${(cause as Error).message}`, { retryable: true, cause });
    }
    if (response.ok) return (await response.json()) as unknown;
    const { status } = response;
    const retryable = status === 408 || status === 429 || status >= 500;
    throw new HayateError('unavailable', `${what}: ${status} ${reasons(await response.text())}`, { retryable });
  }
}

/** Errors come as `{errors: [{field?, reason}]}`. */
function reasons(text: string): string {
  try {
    const { errors } = JSON.parse(text) as { errors: { field?: string; reason: string }[] };
    return errors.map(({ field, reason }) => (field ? `${field}: ${reason}` : reason)).join('; ');
  } catch {
    return text.slice(0, 200);
  }
}
