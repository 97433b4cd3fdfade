import { HayateError } from '@hayate/codec/errors';
import { birthUserData } from '../enrol/birth.ts';
import type { EnrolmentTokens } from '../enrol/tokens.ts';
import { type Linode, LinodeError, type LinodeImage, type LinodeInstance, type NewInstance } from '../linode/index.ts';
import { builderUserData, isRelease, type Release } from './builder.ts';

/** Of images and of the machines that make and try them. What has it not is never touched. */
const TAG = 'hayate:image';
const PASSED = 'canary:passed';

const POLL_MS = 5000;
/** Packages, a download, an installation. */
const BUILD_MS = 20 * 60_000;
const IMAGE_MS = 60 * 60_000;
/** A boot, and its token's life. */
const CANARY_MS = 10 * 60_000;

export interface ImageWorkshopOptions {
  linode: Linode;
  clock: { nowMs(): number; sleep(ms: number): Promise<void> };
  /** Eight hexadecimal digits, another one each time. */
  randomId(): string;
  /** Progress, for a person who waits. */
  log(text: string): void;
}

export interface Capture {
  /** Of the image, and what its builder's label begins with. */
  label: string;
  release: Release;
  /** Of Linode: where it is built. */
  region: string;
  type: string;
  firewallId?: number;
}

export interface Canary {
  image: string;
  /** Of Linode. */
  region: string;
  /** Region code, as in `relays` of control.json: whose settings it gets. */
  code: string;
  type: string;
  firewallId?: number;
  tokens: Pick<EnrolmentTokens, 'issue' | 'machines' | 'revoke'>;
  /** Of the control node, as machines reach it. */
  url: string;
  ca: string;
  /** Before the id in a label. */
  labelPrefix: string;
}

/** An image of ours. */
export interface ListedImage {
  image: LinodeImage;
  passed: boolean;
  /** Labels of Linodes that were made of it. */
  usedBy: string[];
}

/** Makes images of relays, tries them, and clears away old ones, through Linode's API. */
export class ImageWorkshop {
  readonly #options: ImageWorkshopOptions;

  constructor(options: ImageWorkshopOptions) {
    this.#options = options;
  }

  /**
   * Builds an image in a machine of its own, which is deleted whatever happens.
   * @throws HayateError `invalid_argument`; `timeout` when the machine does not come to its end; LinodeError
   */
  async capture({ label, release, region, type, firewallId }: Capture): Promise<LinodeImage> {
    if (!isRelease(release)) throw new HayateError('invalid_argument', 'a release is a URL and a SHA-256 of 64 digits');
    const { linode, log, randomId } = this.#options;
    const wanted = {
      ...{ label: `${label}-builder-${randomId()}`, region, type, image: 'linode/debian12', tags: [TAG] },
      userData: builderUserData(release),
    };
    return this.#withMachine({ ...wanted, ...(firewallId !== undefined && { firewallId }) }, async (builder) => {
      // Linode starts a machine again that powers itself off.
      await linode.instances.setWatchdog(builder.id, false);
      log(`${builder.label} installs the release`);
      await this.#off(builder);
      const disk = (await linode.instances.disks(builder.id)).find(({ filesystem }) => filesystem !== 'swap');
      if (!disk) throw new HayateError('internal', `${builder.label} has no disk`);
      log('the image is taken');
      const image = await this.#take(label, disk.id);
      return this.#until(IMAGE_MS, `image ${image.id} does not come to be`, async () => {
        const now = await linode.images.get(image.id);
        return now.status === 'available' ? now : undefined;
      });
    });
  }

  /** Copies it to more regions; where it is it stays. @throws HayateError `timeout`, LinodeError */
  async replicate(id: string, regions: readonly string[]): Promise<LinodeImage> {
    const { linode, log } = this.#options;
    const { regions: present } = await this.#ours(id);
    const all = [...new Set([...present.map(({ region }) => region), ...regions])];
    await linode.images.replicate(id, all);
    log(`${id} goes to ${regions.join(', ')}`);
    return this.#until(IMAGE_MS, `image ${id} does not come to ${regions.join(', ')}`, async () => {
      const image = await linode.images.get(id);
      const there = (wanted: string) =>
        image.regions.some(({ region, status }) => region === wanted && status === 'available');
      return regions.every(there) ? image : undefined;
    });
  }

  /**
   * One machine of the image, which has to enrol; it is put out and deleted then. An image that passed is tagged so.
   * @throws HayateError `timeout` when it does not enrol, LinodeError
   */
  async canary({ image, region, code, type, firewallId, tokens, url, ca, labelPrefix }: Canary): Promise<void> {
    const { linode, log, randomId } = this.#options;
    const { tags } = await this.#ours(image);
    const id = `canary-${randomId()}`;
    const userData = birthUserData({ id, url, ca, token: tokens.issue({ id, region: code }) });
    const wanted = { label: `${labelPrefix}${id}`, region, type, image, tags: [TAG], userData };
    try {
      await this.#withMachine({ ...wanted, ...(firewallId !== undefined && { firewallId }) }, async ({ label }) => {
        log(`${label} boots from ${image}`);
        await this.#until(CANARY_MS, `${label} does not enrol`, async () =>
          tokens.machines().some((machine) => machine.id === id) ? true : undefined,
        );
      });
    } finally {
      tokens.revoke(id);
    }
    await linode.images.setTags(image, [...new Set([...tags, PASSED])]);
  }

  /** Newest first. */
  async list(): Promise<ListedImage[]> {
    const { linode } = this.#options;
    const images = await linode.images.list({ tag: TAG });
    const instances = await linode.instances.list();
    return images
      .filter(({ is_public, tags }) => !is_public && tags.includes(TAG))
      .sort((a, b) => b.created - a.created)
      .map((image) => ({
        image,
        passed: image.tags.includes(PASSED),
        usedBy: instances.filter((each) => each.image === image.id).map(({ label }) => label),
      }));
  }

  /**
   * Deletes old images. Those stay that a Linode was made of, the newest `keep` that passed, and all that are newer than the newest of
   * these: they are still to be tried.
   * @returns what was deleted, or would be
   */
  async prune({ keep, dryRun }: { keep: number; dryRun: boolean }): Promise<LinodeImage[]> {
    const { linode, log } = this.#options;
    const all = await this.list();
    const passed = all.filter((each) => each.passed).map(({ image }) => image);
    // Without one that passed nothing is old.
    const newestMs = passed[0]?.created ?? Number.NEGATIVE_INFINITY;
    const kept = new Set(passed.slice(0, keep).map(({ id }) => id));
    const old = all.filter(
      ({ image, usedBy }) => usedBy.length === 0 && !kept.has(image.id) && image.created <= newestMs,
    );
    for (const { image } of old) {
      if (!dryRun) await linode.images.delete(image.id);
      log(`${image.id} ${image.label} ${dryRun ? 'would be deleted' : 'deleted'}`);
    }
    return old.map(({ image }) => image);
  }

  async #ours(id: string): Promise<LinodeImage> {
    const image = await this.#options.linode.images.get(id);
    if (!image.tags.includes(TAG)) throw new HayateError('invalid_argument', `image ${id} has no tag ${TAG}`);
    return image;
  }

  async #withMachine<T>(wanted: NewInstance, use: (machine: LinodeInstance) => Promise<T>): Promise<T> {
    const { instances } = this.#options.linode;
    let machine: LinodeInstance;
    try {
      machine = await instances.create(wanted);
    } catch (error) {
      if (!(error instanceof LinodeError && error.code === 'outcome_unknown')) throw error;
      const made = await instances.byLabel(wanted.label);
      if (!made) throw error;
      machine = made;
    }
    try {
      return await use(machine);
    } finally {
      await instances.delete(machine.id);
    }
  }

  /** An image whose creation nobody answered for is found by its label. */
  async #take(label: string, diskId: number): Promise<LinodeImage> {
    const { linode, clock } = this.#options;
    const sinceMs = clock.nowMs();
    try {
      return await linode.images.create({ diskId, label, tags: [TAG], cloudInit: true });
    } catch (error) {
      if (!(error instanceof LinodeError && error.code === 'outcome_unknown')) throw error;
      const made = (await linode.images.list({ tag: TAG })).find(
        (each) => each.label === label && each.created >= sinceMs - 60_000,
      );
      if (!made) throw error;
      return made;
    }
  }

  /** Waits until it ran and is off: off it is before it boots for the first time, too. */
  async #off({ id, created }: LinodeInstance): Promise<void> {
    const { instances, account } = this.#options.linode;
    const booted = async () =>
      (await account.events(created)).some(
        ({ action, status, entity }) => action === 'linode_boot' && status === 'finished' && entity?.id === id,
      );
    await this.#until(BUILD_MS, 'the builder does not power itself off: its release is not installed', async () => {
      const { status } = await instances.get(id);
      return status === 'offline' && (await booted()) ? true : undefined;
    });
  }

  async #until<T>(limitMs: number, what: string, look: () => Promise<T | undefined>): Promise<T> {
    const { clock } = this.#options;
    const endMs = clock.nowMs() + limitMs;
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      if (clock.nowMs() >= endMs) throw new HayateError('timeout', `${what} within ${limitMs / 60_000} minutes`);
      await clock.sleep(POLL_MS);
    }
  }
}
