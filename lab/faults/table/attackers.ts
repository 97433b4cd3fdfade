import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { askChild } from '../../lib/children.ts';
import type { RelayAddress } from '../../lib/raw-session.ts';

export interface Attack {
  /** For so long, seconds. */
  seconds: number;
  /** A second, whatever becomes of the earlier ones. */
  perSecond: number;
}

/** What was sent, by the attacker's own count. */
export interface Attacked {
  sent: number;
  seconds: number;
}

/** Those who mean harm, in a process of their own: their work is not the load's. */
export class Attackers {
  #child: ChildProcess | undefined;

  #ask<T>(question: string, fields: object): Promise<T> {
    this.#child ??= fork(fileURLToPath(new URL('attackers-child.ts', import.meta.url)), {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    return askChild<T>(this.#child, question, fields);
  }

  /** Datagrams of random bytes, 1 to 1400 each. */
  noise(port: number, attack: Attack): Promise<Attacked> {
    return this.#ask('noise', { port, ...attack });
  }

  /**
   * First packets of handshakes that nobody goes on with, each a valid one of another connection. @param addresses of
   * 127.0.0.0/8 that they come from
   */
  handshakes(to: RelayAddress, attack: Attack & { addresses: number }): Promise<Attacked> {
    return this.#ask('handshakes', { to, ...attack });
  }

  /** Malformed datagrams of one session that was let in as a liver. */
  datagrams(to: RelayAddress, attack: Attack): Promise<Attacked> {
    return this.#ask('datagrams', { to, ...attack });
  }

  /** Sessions that are let in and send a malformed control message. Gives how many were ended for it. */
  controls(to: RelayAddress, attack: Attack): Promise<Attacked & { ended: number }> {
    return this.#ask('controls', { to, ...attack });
  }

  comments(to: RelayAddress[], attack: Attack): Promise<Attacked> {
    return this.#ask('comments', { all: to, ...attack });
  }

  /** Opens comments and gifts and reads nothing of them. */
  deaf(to: RelayAddress[], attack: Attack): Promise<Attacked> {
    return this.#ask('deaf', { all: to, ...attack });
  }

  /** A liver that sends units; `aheadMs`: its capture times are wrong by so much. Gives how its session ended. */
  liver(
    to: RelayAddress,
    attack: Attack & { aheadMs?: number },
  ): Promise<Attacked & { ended: string | null; taken: number }> {
    return this.#ask('liver', { to, ...attack });
  }

  /** TCP connections that begin a request, or with `tls` a handshake, and send a byte of it a second. */
  slow(port: number, attack: Attack & { tls?: boolean }): Promise<Attacked & { open: number }> {
    return this.#ask('slow', { port, ...attack });
  }

  async close(): Promise<void> {
    const child = this.#child;
    if (child?.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill();
    await gone;
  }
}
