import { z } from 'zod';
import type { Caller } from './caller.ts';
import { apiTime } from './time.ts';

const imageSchema = z.object({
  /** `private/ID`, or `linode/debian12`. */
  id: z.string(),
  label: z.string(),
  /** `available`, `creating`, `pending_upload`. */
  status: z.string(),
  is_public: z.boolean(),
  created: apiTime,
  /** MB. */
  size: z.number(),
  tags: z.array(z.string()).default([]),
  capabilities: z.array(z.string()),
  /** Where copies of it are or come; public ones have none and are everywhere. */
  regions: z.array(z.object({ region: z.string(), status: z.string() })).default([]),
});
export type LinodeImage = z.output<typeof imageSchema>;

export interface NewImage {
  diskId: number;
  label: string;
  description?: string;
  tags?: readonly string[];
  /** Whether machines of it read user_data. */
  cloudInit: boolean;
}

/** `/images`. */
export class Images {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** @param tag of private ones */
  list({ tag }: { tag?: string } = {}): Promise<LinodeImage[]> {
    return this.#caller.list('/images', imageSchema, tag === undefined ? undefined : { tags: tag });
  }

  /** @param id with its slash. @throws LinodeError `not_found` */
  get(id: string): Promise<LinodeImage> {
    return this.#caller.call('GET', `/images/${id}`, imageSchema);
  }

  /** Of a disk, whose Linode had better be off. It comes to be: `creating`, then `available`. */
  create({ diskId, label, description, tags, cloudInit }: NewImage): Promise<LinodeImage> {
    return this.#caller.call('POST', '/images', imageSchema, {
      body: {
        ...{ disk_id: diskId, label, cloud_init: cloudInit },
        ...(description !== undefined && { description }),
        ...(tags && { tags }),
      },
    });
  }

  /** @param regions all that are to have it: copies elsewhere go */
  replicate(id: string, regions: readonly string[]): Promise<LinodeImage> {
    return this.#caller.call('POST', `/images/${id}/regions`, imageSchema, { body: { regions } });
  }

  /** Replaces all of them. */
  setTags(id: string, tags: readonly string[]): Promise<LinodeImage> {
    return this.#caller.call('PUT', `/images/${id}`, imageSchema, { body: { tags } });
  }

  /** With all its copies. */
  delete(id: string): Promise<void> {
    return this.#caller.remove(`/images/${id}`);
  }
}
