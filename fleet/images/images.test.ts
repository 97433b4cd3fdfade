import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeAuthority } from '@hayate/engine';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { controlSchema } from '../config/schema.ts';
import { agree } from '../enrol/agent.ts';
import { FakeLinode, type FakeMachine } from '../linode/fake/index.ts';
import { Linode } from '../linode/index.ts';
import { type Control, openTokens, startControl } from '../src/control.ts';
import { ImageWorkshop } from './images.ts';

const START = Date.parse('2026-06-16T00:00:00Z');
const RELEASE = { url: 'https://releases.example.com/hayate.tar.gz', sha256: 'a'.repeat(64) };
const CAPTURE = { label: 'hayate-0.1.0', release: RELEASE, region: 'jp-tyo-3', type: 'g6-nanode-1' };

let dir: string;
let control: Control | undefined;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hayate-images-'));
});
afterEach(async () => {
  await control?.close();
  control = undefined;
  rmSync(dir, { recursive: true });
});

/** @param running what a machine does while it runs, at each look */
function workshop(running: (machine: FakeMachine, fake: FakeLinode) => void | Promise<void> = builds) {
  let nowMs = START;
  let n = 0;
  const fake = new FakeLinode({ nowMs: () => nowMs, random: () => 0 });
  const clock = {
    nowMs: () => nowMs,
    async sleep(ms: number) {
      nowMs += ms;
      for (const machine of fake.machines()) if (machine.status === 'running') await running(machine, fake);
    },
    timeout: () => undefined,
  };
  const linode = new Linode({ token: () => 'x', fetch: fake.fetch, clock, random: () => 0 });
  const images = new ImageWorkshop({ linode, clock, randomId: () => `${++n}`.padStart(8, '0'), log: () => {} });
  return { fake, linode, images, pass: (ms: number) => void clock.sleep(ms) };
}

/** A builder whose installation goes well. */
function builds(machine: FakeMachine, fake: FakeLinode): void {
  if (machine.userData?.includes('systemctl poweroff')) fake.powerOff(machine.id);
}

describe('an image', () => {
  it('is of a machine that installed the release, forgot who it is and is gone', async () => {
    let builder: FakeMachine | undefined;
    const { fake, images } = workshop((machine, api) => {
      builder = machine;
      builds(machine, api);
    });
    const image = await images.capture(CAPTURE);
    expect(image).toMatchObject({ label: 'hayate-0.1.0', status: 'available', tags: ['hayate:image'] });
    expect(builder?.userData).toContain(`${RELEASE.url}' ${RELEASE.sha256} /opt/hayate && `);
    expect(builder?.userData).toContain('rm -rf /etc/hayate/* /etc/ssh/ssh_host_*');
    expect(fake.machines()).toEqual([]);
    await images.replicate(image.id, ['us-ord']);
    const [listed] = await images.list();
    expect(listed?.image.regions).toEqual([
      { region: 'jp-tyo-3', status: 'available' },
      { region: 'us-ord', status: 'available' },
    ]);
    expect(listed?.passed).toBe(false);
  });

  it('is not made of a machine that does not come to its end', async () => {
    const { fake, images } = workshop(() => {});
    await expect(images.capture(CAPTURE)).rejects.toMatchObject({ code: 'timeout' });
    expect(fake.machines()).toEqual([]);
    expect(await images.list()).toEqual([]);
    // Control: one that Linode boots again never stays off.
    const watched = workshop((machine, api) => {
      machine.watchdog = true;
      builds(machine, api);
    });
    await expect(watched.images.capture(CAPTURE)).rejects.toMatchObject({ code: 'timeout' });
    const quoted = { ...RELEASE, url: "https://x/'; reboot; '" };
    await expect(images.capture({ ...CAPTURE, release: quoted })).rejects.toMatchObject({ code: 'invalid_argument' });
  });

  it('is made once when nobody knows whether a create was made', async () => {
    const { fake, images } = workshop();
    const timeout = { kind: 'status', status: 408, made: true } as const;
    fake.faults.next('POST /linode/instances', timeout);
    fake.faults.next('POST /images', timeout);
    const { id } = await images.capture(CAPTURE);
    expect((await images.list()).map(({ image }) => image.id)).toEqual([id]);
    expect(fake.machines()).toEqual([]);
    fake.faults.next('POST /linode/instances', { ...timeout, made: false });
    await expect(images.capture(CAPTURE)).rejects.toMatchObject({ code: 'outcome_unknown' });
  });
});

describe('a canary', () => {
  const authority = makeAuthority();

  async function site() {
    const write = (name: string, text: string) => {
      writeFileSync(join(dir, name), text, { mode: 0o600 });
      return join(dir, name);
    };
    mkdirSync(join(dir, 'secrets'));
    const config = controlSchema.parse({
      stateDir: join(dir, 'state'),
      listen: { host: '127.0.0.1', port: 0 },
      authority: { certFile: write('ca.pem', authority.cert), keyFile: write('ca.key', authority.key) },
      relays: { jp: { cluster: { relayId: '{id}', region: '{region}' } } },
      secretsDir: join(dir, 'secrets'),
    });
    control = await startControl(config, pino({ level: 'silent' }));
    const tokens = openTokens(config);
    const asked = {
      region: 'jp-tyo-3',
      code: 'jp',
      type: 'g6-nanode-1',
      tokens,
      ca: authority.cert,
      labelPrefix: 'hayate-',
    };
    return { tokens, asked: { ...asked, url: `https://127.0.0.1:${control.port}` } };
  }

  /** A machine that does what its boot hook and `hayate enrol` do. */
  async function enrols(machine: FakeMachine): Promise<void> {
    const birth = /echo '([^']+)'/.exec(machine.userData ?? '')?.[1];
    if (!machine.userData?.startsWith('#cloud-boothook') || birth === undefined) return;
    const folder = join(dir, machine.label);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'enrol.json'), Buffer.from(birth, 'base64'));
    await agree({ dir: folder, waitMs: 0, log: () => {} });
  }

  it('enrols at a real control node, is put out and deleted; its image has passed', async () => {
    const { tokens, asked } = await site();
    let label = '';
    const { fake, images } = workshop(async (machine, api) => {
      builds(machine, api);
      label = machine.label;
      await enrols(machine);
    });
    const { id } = await images.capture(CAPTURE);
    await images.canary({ ...asked, image: id });
    expect(label).toBe('hayate-canary-00000002');
    expect(tokens.machines()).toMatchObject([{ id: 'canary-00000002', region: 'jp', revoked: true }]);
    expect(fake.machines()).toEqual([]);
    expect((await images.list())[0]).toMatchObject({ passed: true, usedBy: [] });
    tokens.close();
  });

  it('that does not enrol fails its image, and is deleted all the same', async () => {
    const { tokens, asked } = await site();
    const { fake, images } = workshop();
    const { id } = await images.capture(CAPTURE);
    await expect(images.canary({ ...asked, image: id })).rejects.toMatchObject({ code: 'timeout' });
    expect(fake.machines()).toEqual([]);
    expect((await images.list())[0]?.passed).toBe(false);
    // Not one of ours.
    await expect(images.canary({ ...asked, image: 'linode/debian12' })).rejects.toMatchObject({
      code: 'invalid_argument',
    });
    tokens.close();
  });
});

describe('old images', () => {
  it('go, but for those in use, the newest that passed, those still to be tried and what is not ours', async () => {
    const { fake, linode, images, pass } = workshop();
    const made: string[] = [];
    for (let n = 0; n < 6; n += 1) {
      made.push((await images.capture({ ...CAPTURE, label: `hayate-${n}` })).id);
      pass(60_000);
    }
    const [used, failed, first, second, third, newest] = made as [string, string, string, string, string, string];
    for (const id of [first, second, third]) await linode.images.setTags(id, ['hayate:image', 'canary:passed']);
    const relay = { region: 'jp-tyo-3', type: 'g6-nanode-1', tags: ['hayate'] };
    await linode.instances.create({ ...relay, label: 'jp-a-1', image: used });
    const [disk] = await linode.instances.disks(fake.machine('jp-a-1')!.id);
    pass(90_000);
    const foreign = await linode.images.create({ label: 'foreign', diskId: disk!.id, cloudInit: true });
    const ids = async () => (await images.list()).map(({ image }) => image.id);
    const dry = await images.prune({ keep: 2, dryRun: true });
    expect(dry.map(({ id }) => id)).toEqual([first, failed]);
    expect(await ids()).toHaveLength(6);
    await images.prune({ keep: 2, dryRun: false });
    expect(await ids()).toEqual([newest, third, second, used]);
    expect((await images.list()).at(-1)?.usedBy).toEqual(['jp-a-1']);
    expect((await linode.images.get(foreign.id)).label).toBe('foreign');
  });

  it('stay while none has passed', async () => {
    const { images } = workshop();
    await images.capture(CAPTURE);
    await images.capture(CAPTURE);
    expect(await images.prune({ keep: 0, dryRun: false })).toEqual([]);
  });
});
