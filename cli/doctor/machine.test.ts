import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checkClock, monotonic } from './clock.ts';
import type { Finding } from './finding.ts';
import { checkBuffers, checkDescriptors } from './kernel.ts';
import { type Machine, thisMachine } from './machine.ts';
import { checkEngine, checkVersions, type EngineProbe } from './software.ts';
import { checkFolder, type Disk } from './state.ts';

const folder = mkdtempSync(join(tmpdir(), 'hayate-doctor-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A machine with these files in /proc, /sys and /run, and these programs. */
function machineWith(files: Record<string, string>, programs: Record<string, string> = {}): Machine {
  const root = mkdtempSync(join(folder, 'root-'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return { ...thisMachine(root), run: async (command, args) => programs[[command, ...args].join(' ')] };
}
const levels = (findings: Finding[]) => Object.fromEntries(findings.map(({ check, level }) => [check, level]));

describe('buffers of sockets', () => {
  it('are what this machine grants', async () => {
    const { receive, send } = await thisMachine().socketBuffers(65_536);
    expect([receive, send]).toEqual([65_536, 65_536]);
  });

  it('are too small where the kernel allows 208 kB', async () => {
    const machine: Machine = {
      ...machineWith({ 'proc/sys/net/core/rmem_max': '212992\n', 'proc/sys/net/core/wmem_max': '8388608\n' }),
      socketBuffers: async (bytes) => ({ receive: 212_992, send: bytes }),
    };
    const [receive, send] = await checkBuffers(machine, 4 << 20);
    expect(receive).toMatchObject({ level: 'warn', advice: expect.stringContaining('net.core.rmem_max to 8388608') });
    expect(receive!.found).toBe(
      'a socket gets 208 KiB of the 4096 KiB that the engine asks for its receive buffer (net.core.rmem_max is 212992)',
    );
    expect(send).toMatchObject({ level: 'ok' });
  });
});

describe('descriptors', () => {
  const limits = (soft: string) => ({
    'proc/self/limits': `Limit   Soft   Hard\nMax open files            ${soft}                 524288               files     \n`,
  });
  it.each([
    ['1024', 'warn'],
    ['65536', 'ok'],
    ['unlimited', 'ok'],
  ])('%s for 4000 sessions: %s', async (soft, level) => {
    const [finding] = await checkDescriptors(machineWith(limits(soft)), 4000);
    expect(finding).toMatchObject({ level });
  });

  it('are not told everywhere', async () => {
    expect(levels(await checkDescriptors(machineWith({}), 4000))).toEqual({ 'limit.descriptors': 'skip' });
  });
});

describe('the clock', () => {
  const chrony = (slowBy: string, leap: string) => ({
    'chronyc -c tracking': `A9FEA97B,169.254.169.123,4,1790000000.1,${slowBy},0.000001,0.000002,-3.1,0.001,0.02,0.0003,0.0001,16.1,${leap}\n`,
  });
  const systemd = (yes: 'yes' | 'no', offset: string) => ({
    'timedatectl show --property=NTPSynchronized --value': `${yes}\n`,
    'timedatectl timesync-status': `       Server: 192.0.2.1\n       Offset: ${offset}\n       Delay: 3ms\n`,
  });
  it.each([
    ['synchronised by chrony', chrony('0.000012', 'Normal'), 'ok'],
    ['chrony brings it back', chrony('-0.9', 'Normal'), 'warn'],
    ['six seconds off', chrony('6.2', 'Normal'), 'fail'],
    ['chrony has no server', chrony('0.0', 'Not synchronised'), 'warn'],
    ['synchronised by systemd', systemd('yes', '-1.305ms'), 'ok'],
    ['systemd, a minute off', systemd('yes', '+60.2s'), 'fail'],
    ['no NTP', systemd('no', '+0us'), 'warn'],
    ['nobody says', {}, 'skip'],
  ])('%s', async (_, programs, level) => {
    expect(levels(await checkClock(machineWith({}, programs)))['clock.synchronised']).toBe(level);
  });

  it('is known to be set where timesyncd left its mark and cannot be asked', async () => {
    const found = await checkClock(machineWith({ 'run/systemd/timesync/synchronized': '' }));
    expect(levels(found)['clock.synchronised']).toBe('ok');
  });

  it('goes forward', () => {
    let [back, still] = [1000n, 5n];
    expect(monotonic()).toMatchObject({ level: 'ok' });
    expect(monotonic(() => back--)).toMatchObject({ level: 'fail', found: 'it went back by 1 ns' });
    expect(monotonic(() => (still += 0n))).toMatchObject({
      level: 'fail',
      found: expect.stringContaining('stood still'),
    });
  });

  it('is slow to read by some sources', async () => {
    const of = (source: string) =>
      machineWith({ 'sys/devices/system/clocksource/clocksource0/current_clocksource': `${source}\n` });
    expect(levels(await checkClock(of('hpet')))['clock.source']).toBe('warn');
    expect(levels(await checkClock(of('tsc')))['clock.source']).toBe('ok');
  });
});

describe('a folder', () => {
  const disk = (changes: Partial<Disk>) => (): Disk => ({
    freeBytes: 5e9,
    type: 0xef53,
    syncMs: [1, 2, 3],
    ...changes,
  });
  const of = (changes: Partial<Disk>) => levels(checkFolder('state', folder, disk(changes)));
  it('is written to and left as it was', () => {
    const path = mkdtempSync(join(folder, 'state-'));
    const found = checkFolder('state', path);
    expect(found.map(({ check }) => check)).toEqual(['folder.state.space', 'folder.state.sync']);
    expect(found[1]!.found).toMatch(/fsync takes [\d.]+ ms, at most [\d.]+ ms of 32/);
    expect(readdirSync(path)).toEqual([]);
  });

  it('that is not there yet can be made, or not', () => {
    expect(checkFolder('state', join(folder, 'a/b'))).toMatchObject([{ level: 'ok' }]);
    expect(readdirSync(folder)).not.toContain('a');
    const file = join(folder, 'file');
    writeFileSync(file, '');
    expect(checkFolder('state', file)).toMatchObject([{ level: 'fail', found: expect.stringContaining('ENOTDIR') }]);
    // Nobody makes files there, not even root.
    expect(checkFolder('state', '/proc/self')).toMatchObject([{ level: 'fail' }]);
  });

  it('is full, slow, or of a kind that keeps nothing', () => {
    expect(of({})).toEqual({ 'folder.state.space': 'ok', 'folder.state.sync': 'ok' });
    expect(of({ freeBytes: 5e7 })).toMatchObject({ 'folder.state.space': 'fail' });
    expect(of({ freeBytes: 5e8 })).toMatchObject({ 'folder.state.space': 'warn' });
    expect(of({ syncMs: [50, 60, 70] })).toMatchObject({ 'folder.state.sync': 'warn' });
    expect(of({ type: 0x01021994 })).toMatchObject({ 'folder.state.sync': 'warn' });
    expect(of({ type: 0x6969 })).toMatchObject({ 'folder.state.sync': 'warn' });
  });
});

describe('the engine', () => {
  const there: EngineProbe = { available: () => ({ ok: true }), tryIo: async () => {}, env: {}, platform: 'linux' };
  const gone: EngineProbe = { ...there, available: () => ({ ok: false, reason: 'not built' }) };
  const shut: EngineProbe = { ...there, tryIo: () => Promise.reject(new Error('epoll_create: EPERM')) };
  it.each([
    ['is there', there, 'auto', false, 'ok'],
    ['is not built', gone, 'auto', false, 'warn'],
    ['is not built and wanted', gone, 'engine', false, 'fail'],
    ['is not built in a cluster', gone, 'auto', true, 'fail'],
    ['is not wanted', there, 'websocket', false, 'warn'],
    ['cannot open', shut, 'auto', false, 'fail'],
    ['is kept from its fast way', { ...there, env: { HAYATE_IO: 'portable' } }, 'auto', false, 'warn'],
    ['has one way on a Mac', { ...there, platform: 'darwin' }, 'auto', false, 'ok'],
  ] as const)('%s', async (_, probe, wanted, clustered, level) => {
    expect(await checkEngine(wanted, clustered, probe)).toMatchObject({ level });
  });

  it('runs on Node 24', () => {
    const versions = { hayate: '1.0.0', node: '24.1.0', openssl: '3.5.0', kernel: 'linux x64 6.1' };
    expect(checkVersions(versions)).toMatchObject({ level: 'ok' });
    expect(checkVersions({ ...versions, node: '20.9.0' })).toMatchObject({ level: 'fail' });
  });
});
