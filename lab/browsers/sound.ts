import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SoundDevice {
  /** What a browser's environment needs to find it. */
  env: Record<string, string>;
  close(): void;
}

/**
 * A sound card that swallows everything (PulseAudio with a null sink): Firefox starts no audio graph without a device,
 * Chromium needs none. Undefined where PulseAudio is not installed.
 */
export async function startNullSound(): Promise<SoundDevice | undefined> {
  if (spawnSync('pulseaudio', ['--version']).status !== 0) return undefined;
  const dir = mkdtempSync(join(tmpdir(), 'hayate-sound-'));
  const socket = join(dir, 'socket');
  const modules = ['module-null-sink', `module-native-protocol-unix socket=${socket} auth-anonymous=1`];
  const flags = [
    '-n',
    '--daemonize=no',
    '--exit-idle-time=-1',
    '--log-level=error',
    ...modules.flatMap((m) => ['-L', m]),
  ];
  const child = spawn('pulseaudio', flags, {
    stdio: 'ignore',
    env: { ...process.env, XDG_RUNTIME_DIR: dir, HOME: dir },
  });
  const close = () => {
    child.kill();
    // It writes into it until it is gone.
    rmSync(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  };
  for (let tries = 0; !existsSync(socket); tries += 1) {
    if (tries === 100 || child.exitCode !== null) {
      close();
      return undefined;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { env: { PULSE_SERVER: `unix:${socket}` }, close };
}
