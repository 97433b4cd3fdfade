import { z } from 'zod';
import type { Caller } from './caller.ts';

const domainSchema = z.object({ id: z.number(), domain: z.string() });
const recordSchema = z.object({ id: z.number(), type: z.string(), name: z.string(), target: z.string() });
type DomainRecord = z.output<typeof recordSchema>;

/** `/domains`: zones of the DNS manager. */
export class Domains {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  async byName(name: string): Promise<{ id: number } | undefined> {
    const found = await this.#caller.list('/domains', domainSchema, { domain: name });
    return found.find((each) => each.domain === name);
  }

  records(domainId: number): Promise<DomainRecord[]> {
    return this.#caller.list(`/domains/${domainId}/records`, recordSchema);
  }

  async addTxt(domainId: number, name: string, target: string): Promise<void> {
    const body = { type: 'TXT', name, target, ttl_sec: 30 };
    await this.#caller.call('POST', `/domains/${domainId}/records`, z.unknown(), { body });
  }

  removeRecord(domainId: number, id: number): Promise<void> {
    return this.#caller.remove(`/domains/${domainId}/records/${id}`);
  }
}
