import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Running, root } from '../../lib/processes.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';
import { BareRoot, publishAndWatchIn } from './bare-root.ts';

const SERVICES = ['hayate-relay', 'hayate-enrol', 'hayate-nats', 'hayate-control', 'hayate-fleet', 'hayate-grafana'];
/** Of `systemd-analyze security`, 0 to 10; above 2 a unit has more of the machine than these need. */
const EXPOSURE = 2;

interface Built {
  file: string;
  sha256: string;
  bytes: number;
  packages: number;
  crates: number;
}

async function build(out: string): Promise<Built> {
  const child = new Running(process.execPath, [join(root, 'infra/release/release.ts'), '--dirty', '--out', out]);
  if ((await child.exited) !== 0) throw new Error(`no release: ${child.stderr.slice(-5).join(' ')}`);
  return JSON.parse(child.stdout.at(-1)!) as Built;
}

const succeeds = (command: string, ...args: string[]) => spawnSync(command, args, { stdio: 'ignore' }).status === 0;

async function emptyRoot(tarball: string, checks: Checks): Promise<void> {
  const bare = new BareRoot(tarball);
  try {
    checks.figure('empty root: libraries added', bare.addLibraries());
    const seen = await publishAndWatchIn(bare);
    checks.figure('empty root', seen);
    checks.check(
      seen.transport === 'engine' && seen.shown === seen.sent && seen.sent >= 290,
      `empty root: ${JSON.stringify(seen)}`,
    );
    // Without its engine the same archive must fail, or the engine came from elsewhere.
    rmSync(join(bare.path, 'opt/hayate/engine/dist'), { recursive: true });
    const control = await publishAndWatchIn(bare).then(
      () => 'started',
      () => 'did not start',
    );
    checks.figure('control: without the engine', control);
    checks.check(control === 'did not start', 'a relay started with an engine that is not in the root');
  } finally {
    bare.remove();
  }
}

/** Debian as a machine has it at its first boot; the installer runs in it. */
async function debianRoot(tarball: string, checks: Checks): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'hayate-debian-'));
  try {
    const made = new Running('debootstrap', ['--variant=minbase', '--include=systemd', 'bookworm', dir]);
    if ((await made.exited) !== 0) {
      checks.skip(`Debian 12 root: debootstrap says: ${[...made.stdout, ...made.stderr].at(-1)}`);
      return;
    }
    const debian = new BareRoot(tarball, dir);
    checks.check(
      !['/usr/bin/npm', '/usr/bin/node', '/usr/bin/cargo'].some((path) => debian.has(path)),
      'the root has npm, node or cargo',
    );
    const install = debian.run('/usr/bin/env', 'DESTDIR=/', '/opt/hayate/infra/machine/install.sh', 'relay');
    checks.check((await install.exited) === 0, `install.sh: ${install.stderr.join(' ')}`);
    const users = debian.run('/usr/bin/systemd-sysusers');
    const known = (await users.exited) === 0 && readFileSync(join(dir, 'etc/passwd'), 'utf8').includes('\nhayate:');
    checks.check(known, `systemd-sysusers made no user: ${users.stderr.join(' ')}`);
    const version = debian.run('/usr/local/bin/hayate', '--version');
    checks.check((await version.exited) === 0, `hayate: ${version.stderr.join(' ')}`);
    const seen = await publishAndWatchIn(debian);
    checks.figure('Debian 12 root', { hayate: version.stdout[0], ...seen });
    checks.check(
      seen.transport === 'engine' && seen.shown === seen.sent && seen.sent >= 290,
      `Debian root: ${JSON.stringify(seen)}`,
    );
    units(dir, checks);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** The relay's unit where it is installed. */
function units(dir: string, checks: Checks): void {
  if (!succeeds('systemd-analyze', '--version')) {
    checks.skip('systemd-analyze: not on this machine');
    return;
  }
  const unit = 'etc/systemd/system/hayate-relay.service';
  const verify = spawnSync('systemd-analyze', ['verify', `--root=${dir}`, unit], { encoding: 'utf8' });
  const complaints = verify.stderr.split('\n').filter((line) => line.includes('hayate'));
  checks.figure(
    'systemd-analyze verify',
    complaints.length === 0 && verify.status === 0 ? 'nothing to say' : complaints,
  );
  checks.check(verify.status === 0 && complaints.length === 0, `systemd-analyze verify: ${verify.stderr}`);
}

function exposure(checks: Checks): void {
  if (!succeeds('systemd-analyze', '--version')) return;
  const levels = SERVICES.map((name) => {
    const path = join(root, 'infra/systemd', `${name}.service`);
    const said = spawnSync('systemd-analyze', ['security', '--offline=true', path], { encoding: 'utf8' });
    return [name, Number(/exposure level for \S+: ([\d.]+)/.exec(said.stdout)?.[1])] as const;
  });
  checks.figure('systemd-analyze security: exposure, 0 to 10', Object.fromEntries(levels));
  for (const [name, level] of levels) checks.check(level <= EXPOSURE, `${name}: exposure ${level}`);
}

async function run(context: ClaimContext) {
  const checks = new Checks();
  const out = mkdtempSync(join(tmpdir(), 'hayate-release-'));
  try {
    context.log('building it twice');
    const [first, second] = [await build(join(out, '1')), await build(join(out, '2'))];
    checks.figure('archive', {
      MB: Math.round(first.bytes / 1e5) / 10,
      packages: first.packages,
      crates: first.crates,
    });
    checks.figure('the same bytes when built again', first.sha256 === second.sha256);
    checks.check(first.sha256 === second.sha256, 'two builds of one commit differ');
    const sums = readFileSync(join(out, '1', 'SHA256SUMS'), 'utf8');
    checks.check(sums.startsWith(`${first.sha256}  hayate-`) && statSync(first.file).size === first.bytes, sums);
    const listed = execFileSync('tar', ['-tzf', first.file], { encoding: 'utf8', maxBuffer: 1 << 26 }).split('\n');
    for (const wanted of [
      'LICENSE',
      'THIRD_PARTY_LICENCES.txt',
      'sbom.cdx.json',
      'infra/systemd/hayate-relay.service',
      'docs/deploy.md',
    ]) {
      checks.check(
        listed.some((path) => path.endsWith(`/${wanted}`)),
        `the archive has no ${wanted}`,
      );
    }
    exposure(checks);
    if (succeeds('unshare', '--mount', '--pid', '--fork', 'true')) {
      context.log('an empty root');
      await emptyRoot(first.file, checks);
      context.log('a Debian 12 root');
      if (succeeds('debootstrap', '--version')) await debianRoot(first.file, checks);
      else checks.skip('Debian 12 root: no debootstrap on this machine');
    } else {
      checks.skip('roots: this machine does not let this user unshare');
    }
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
  return checks.outcome();
}

export const releaseRuns: Claim = {
  id: 'deploy.2',
  title:
    'The release archive: the same bytes when built again; in an empty root and in a Debian 12 root without npm and cargo a relay starts, a client publishes and another watches every frame; hardened units pass systemd-analyze',
  seconds: 400,
  run,
};
