import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { makeAuthority } from '@hayate/engine';
import { beforeEach, describe, expect, it } from 'vitest';
import { LocalMachines, makeLocalDir } from './local.ts';

const WAIT_MS = 20_000;
const TAGS = ['fleet'];
let folder: string;
let dir: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hayate-local-'));
  dir = join(folder, 'machines');
  await makeLocalDir(dir);
  return async () => {
    for (const { id } of await local().machines('fleet')) await local().remove(id);
    rmSync(folder, { recursive: true, force: true });
  };
});

/** Not a relay: something that runs until it is ended. What relays do is claim fleet.3. */
function local(more: Partial<ConstructorParameters<typeof LocalMachines>[0]> = {}): LocalMachines {
  return new LocalMachines({
    ...{ dir, ports: { from: 20_000, to: 20_014 }, labelPrefix: 'hayate-', nowMs: () => 1000 },
    command: [process.execPath, '-e', 'setInterval(() => {}, 1000)', '--'],
    relay: { gifts: { region: '{region}' }, cluster: { regions: ['jp'], natsCredsFile: '/keys/{id}.creds' } },
    ...more,
  });
}

const create = (machines: LocalMachines, id: string) =>
  machines.create({ label: `hayate-${id}`, zone: 'here', tags: TAGS });
const settings = (id: string) =>
  JSON.parse(readFileSync(join(dir, `hayate-${id}`, 'relay.json'), 'utf8')) as Record<string, Record<string, unknown>>;
const pidOf = (id: string) =>
  (JSON.parse(readFileSync(join(dir, `hayate-${id}`, 'machine.json'), 'utf8')) as { pid: number }).pid;

/** The process runs `--config` by its own time. */
async function untilStatus(machines: LocalMachines, status: string): Promise<void> {
  for (const until = performance.now() + WAIT_MS; ; await after(20)) {
    const [first] = await machines.machines('fleet');
    if (first?.status === status) return;
    if (performance.now() > until) throw new Error(`not ${status} but ${first?.status}`);
  }
}

describe('relays as processes of this machine', () => {
  it('have settings of their own, and ports of the range until it is used up', async () => {
    const authority = makeAuthority();
    const machines = local({ authority: { certFile: '/keys/ca.pem', key: () => authority.key } });
    for (const id of ['jp-f-1', 'jp-f-2', 'jp-f-3']) await create(machines, id);
    expect(settings('jp-f-2')).toMatchObject({
      ...{ listen: { port: 20_005 }, http: { port: 20_006 }, gifts: { region: 'jp' } },
      cluster: {
        ...{ relayId: 'jp-f-2', region: 'jp', regions: ['jp'], caFile: '/keys/ca.pem', listen: { port: 20_009 } },
        natsCredsFile: '/keys/jp-f-2.creds',
      },
    });
    await expect(create(machines, 'jp-f-4')).rejects.toMatchObject({ code: 'account_limit' });
    await machines.remove('hayate-jp-f-1');
    await create(machines, 'jp-f-4');
    expect(settings('jp-f-4')).toMatchObject({ listen: { port: 20_000 } });
  });

  it('are one for a label, found by whoever reads the folder, and gone once removed', async () => {
    const machines = local();
    await create(machines, 'jp-f-1');
    const pid = pidOf('jp-f-1');
    await create(local(), 'jp-f-1');
    expect(pidOf('jp-f-1')).toBe(pid);
    expect(await local().machines('fleet')).toMatchObject([{ id: 'hayate-jp-f-1', zone: 'here', tags: TAGS }]);
    expect(await machines.machines('another')).toEqual([]);
    await untilStatus(machines, 'running');
    await local().remove('hayate-jp-f-1');
    expect(() => process.kill(pid, 0)).toThrow();
    expect(existsSync(join(dir, 'hayate-jp-f-1'))).toBe(false);
    await machines.remove('hayate-jp-f-1');
  });

  it('that died are kept with their files, and boot again', async () => {
    const machines = local();
    await create(machines, 'jp-f-1');
    await untilStatus(machines, 'running');
    process.kill(pidOf('jp-f-1'), 'SIGKILL');
    await untilStatus(machines, 'stopped');
    await create(machines, 'jp-f-1');
    await untilStatus(machines, 'stopped');
    await machines.boot('hayate-jp-f-1');
    await untilStatus(machines, 'running');
  });

  it('are not answered for while the folder is away, or the program', async () => {
    const machines = local();
    await create(machines, 'jp-f-1');
    renameSync(dir, `${dir}.away`);
    await expect(machines.machines('fleet')).rejects.toMatchObject({ code: 'unavailable' });
    await expect(create(machines, 'jp-f-2')).rejects.toMatchObject({ code: 'unavailable' });
    renameSync(`${dir}.away`, dir);
    expect(await machines.machines('fleet')).toHaveLength(1);
    const without = local({ command: [join(folder, 'nothing')] });
    await expect(create(without, 'jp-f-3')).rejects.toMatchObject({ code: 'unavailable' });
  });
});
