// `npm run check`: biome, tsc, knip, rustfmt, clippy. Every step runs; the exit code tells whether all passed.
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';

const hasCargo = spawnSync('cargo', ['--version']).status === 0;
const manifest = ['--manifest-path', 'engine/Cargo.toml'];

const steps: { name: string; command: string[]; needsCargo?: boolean }[] = [
  { name: 'biome', command: ['biome', 'check', '--error-on-warnings', '.'] },
  { name: 'tsc', command: ['tsc', '-p', 'tsconfig.json'] },
  { name: 'knip', command: ['knip'] },
  { name: 'rustfmt', command: ['cargo', 'fmt', ...manifest, '--all', '--check'], needsCargo: true },
  {
    name: 'clippy',
    command: [
      'cargo',
      'clippy',
      ...manifest,
      '--all-targets',
      '--locked',
      '-q',
      '-j',
      String(cpus().length),
      '--',
      '-D',
      'warnings',
    ],
    needsCargo: true,
  },
];

const failed: string[] = [];
for (const step of steps) {
  if (step.needsCargo && !hasCargo) {
    console.log(`SKIPPED ${step.name}: no cargo on this machine`);
    continue;
  }
  const since = Date.now();
  const [command = '', ...args] = step.command;
  const code = spawnSync(command, args, { stdio: 'inherit' }).status ?? 1;
  console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${step.name} (${((Date.now() - since) / 1000).toFixed(1)} s)`);
  if (code !== 0) failed.push(step.name);
}
if (failed.length > 0) console.log(`check failed: ${failed.join(', ')}`);
process.exitCode = failed.length > 0 ? 1 : 0;
