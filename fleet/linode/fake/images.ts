import { toApiTime } from '../time.ts';
import { type Answer, type Asked, busy, done, notFound, page, refuse } from './answer.ts';
import { PUBLIC_IMAGES, regionOf } from './catalogue.ts';
import type { FakeImage, World } from './world.ts';

export interface ImageTimes {
  captureMs: number;
  replicateMs: number;
}

/** The most that an image may hold. */
const MAX_MB = 6144;
/** What a relay of ours comes to. */
const SIZE_MB = 1400;

/** `/images` of the fake: captured from disks, copied to regions, gone. */
export class ImageStore {
  readonly #world: World;
  readonly #times: ImageTimes;

  constructor(world: World, times: ImageTimes) {
    this.#world = world;
    this.#times = times;
    for (const { id, label, cloudInit } of PUBLIC_IMAGES) {
      world.images.set(id, {
        ...{ id, label, cloudInit, isPublic: true, description: '', tags: [], status: 'available' },
        ...{ createdMs: 0, sizeMb: SIZE_MB, regions: new Map() },
      });
    }
  }

  list(asked: Asked): Answer {
    const { images } = this.#world;
    const fields = ({ id, label, tags, isPublic, status }: FakeImage) => ({
      id,
      label,
      tags,
      is_public: isPublic,
      status,
    });
    return page(asked, images.values(), fields, json);
  }

  get({ ids }: Asked): Answer {
    const image = this.#world.images.get(ids[0]!);
    return image ? { status: 200, body: json(image) } : notFound;
  }

  update({ ids, body }: Asked): Answer {
    const image = this.#world.images.get(ids[0]!);
    if (!image || image.isPublic) return notFound;
    const { label, description, tags } = body as { label?: string; description?: string; tags?: string[] };
    if (label !== undefined) image.label = label;
    if (description !== undefined) image.description = description;
    if (tags) image.tags = [...tags];
    return { status: 200, body: json(image) };
  }

  create({ body }: Asked): Answer {
    const { disk_id: diskId, label, description, tags, cloud_init: cloudInit } = body as Record<string, unknown>;
    const machine = [...this.#world.machines.values()].find(({ disks }) => disks.some(({ id }) => id === diskId));
    const disk = machine?.disks.find(({ id }) => id === diskId);
    if (!machine || !disk) return refuse(400, 'disk_id is not valid', 'disk_id');
    if (!disk.ready) return busy;
    if (disk.filesystem === 'swap') return refuse(400, 'A swap disk cannot be imaged', 'disk_id');
    if (SIZE_MB > MAX_MB) return refuse(400, 'The disk is too large', 'disk_id');
    const image: FakeImage = {
      ...{
        id: `private/${this.#world.id()}`,
        label: String(label ?? disk.label),
        description: String(description ?? ''),
      },
      ...{
        tags: (tags as string[] | undefined) ?? [],
        isPublic: false,
        cloudInit: cloudInit === true,
        status: 'creating',
      },
      ...{ createdMs: this.#world.nowMs(), sizeMb: SIZE_MB, regions: new Map([[machine.region, 'creating']]) },
    };
    this.#world.images.set(image.id, image);
    const event = this.#world.event('disk_imagize', machine, { status: 'started', tookMs: this.#times.captureMs });
    this.#world.at(this.#world.nowMs() + this.#times.captureMs, () => {
      event.status = 'finished';
      image.status = 'available';
      image.regions.set(machine.region, 'available');
    });
    return { status: 200, body: json(image) };
  }

  replicate({ ids, body }: Asked): Answer {
    const image = this.#world.images.get(ids[0]!);
    if (!image || image.isPublic) return notFound;
    if (image.status !== 'available') return refuse(400, 'Image is not available', 'id');
    const regions = body['regions'] as string[];
    if (!regions.some((region) => image.regions.get(region) === 'available')) {
      return refuse(400, 'At least one available region of the image must stay', 'regions');
    }
    const unknown = regions.find((region) => !regionOf.has(region));
    if (unknown !== undefined) return refuse(400, `${unknown} is not a valid region`, 'regions');
    for (const region of image.regions.keys()) if (!regions.includes(region)) image.regions.delete(region);
    for (const region of regions) {
      if (image.regions.has(region)) continue;
      image.regions.set(region, 'pending replication');
      this.#world.at(this.#world.nowMs() + this.#times.replicateMs, () => {
        if (image.regions.has(region)) image.regions.set(region, 'available');
      });
    }
    return { status: 200, body: json(image) };
  }

  remove({ ids }: Asked): Answer {
    const image = this.#world.images.get(ids[0]!);
    if (!image || image.isPublic) return notFound;
    this.#world.images.delete(image.id);
    return done;
  }
}

function json({
  id,
  label,
  description,
  tags,
  isPublic,
  cloudInit,
  status,
  createdMs,
  sizeMb,
  regions,
}: FakeImage): string {
  return JSON.stringify({
    ...{ id, label, description, created: toApiTime(createdMs), updated: toApiTime(createdMs), status },
    ...{ is_public: isPublic, type: 'manual', created_by: isPublic ? 'linode' : 'hayate', deprecated: false },
    ...{ size: sizeMb, total_size: sizeMb * Math.max(1, regions.size), tags, vendor: isPublic ? 'Debian' : null },
    ...{ eol: null, expiry: null, capabilities: cloudInit ? ['cloud-init'] : [] },
    regions: [...regions].map(([region, state]) => ({ region, status: state })),
  });
}
