import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

const COMMAND_MS = 5000;

/** What the checks ask of the machine they run on. Files, ports and servers they look at themselves. */
export interface Machine {
  platform: NodeJS.Platform;
  /** Ms since 1970. */
  nowMs(): number;
  /** A file of `/proc`, `/sys` or `/run`; undefined where there is none. */
  kernel(path: string): Promise<string | undefined>;
  /** What a program writes to stdout; undefined where there is no such program or it fails. */
  run(command: string, args: readonly string[]): Promise<string | undefined>;
  /** What a UDP socket gets that asks for so much, bytes. */
  socketBuffers(bytes: number): Promise<{ receive: number; send: number }>;
}

/** @param root tests bring their own `/proc` and `/run` */
export function thisMachine(root = '/'): Machine {
  return {
    platform: process.platform,
    nowMs: () => Date.now(),
    kernel: (path) => readFile(join(root, path), 'utf8').catch(() => undefined),
    run: (command, args) =>
      new Promise((resolve) => {
        // Words as they are parsed here, whatever the person's language.
        const env = { ...process.env, LC_ALL: 'C' };
        execFile(command, [...args], { env, timeout: COMMAND_MS }, (error, stdout) =>
          resolve(error ? undefined : stdout),
        );
      }),
    socketBuffers: (bytes) =>
      new Promise((resolve, reject) => {
        const socket = createSocket({ type: 'udp4', recvBufferSize: bytes, sendBufferSize: bytes });
        socket.once('error', reject);
        socket.bind(0, '127.0.0.1', () => {
          // Linux books as much again for its own use, and says the sum.
          const share = process.platform === 'linux' ? 2 : 1;
          resolve({ receive: socket.getRecvBufferSize() / share, send: socket.getSendBufferSize() / share });
          socket.close();
        });
      }),
  };
}
