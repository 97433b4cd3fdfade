import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { RelayCandidate } from '@hayate/client';
import type { LinkOptions } from '@hayate/engine';
import { PHONE_ARGV, prefer } from '../lib/children.ts';

interface Target {
  url: string;
  certificateHashes: string[];
  token: string;
}

export type ToLivers =
  | {
      do: 'live';
      id: number;
      target: Target;
      /** Without: the stage's process is asked. */
      relays?: RelayCandidate[];
      link: LinkOptions;
      fps: number;
      voiceMs?: number;
    }
  | { do: 'relays'; ask: number; relays: RelayCandidate[] }
  | { do: 'begin' }
  | { do: 'close'; ids: number[] };

export type ToStage =
  | { said: 'live'; id: number; error?: string }
  | { said: 'relays'; id: number; ask: number }
  | { said: 'held'; ms: number }
  | { said: 'closed'; ids: number[] };

export interface LiverPlan {
  target: Target;
  relays: RelayCandidate[] | (() => Promise<RelayCandidate[]>);
  link: LinkOptions;
  fps: number;
  /** Without: no voice. */
  voiceMs?: number;
}

/**
 * Livers by the SDK in a process of their own: what viewers, hundreds in one process, do to its event loop must not look as
 * if media stood still.
 */
export class Livers {
  readonly #child: ChildProcess;
  readonly #asked = new Map<number, () => Promise<RelayCandidate[]>>();
  readonly #coming = new Map<number, PromiseWithResolvers<void>>();
  /** By the first of those that go. */
  readonly #going = new Map<number, PromiseWithResolvers<void>>();
  #next = 0;
  /** By how much they sent late at most since `begin`, as their process had no turn either. */
  heldMs = 0;

  constructor() {
    this.#child = fork(fileURLToPath(new URL('./media-livers-child.ts', import.meta.url)), {
      execArgv: PHONE_ARGV,
      serialization: 'advanced',
      // A session of its own: what it is given is not to be this process's and its viewers' too.
      detached: true,
    });
    this.#child.on('message', (message: ToStage) => this.#onMessage(message));
    this.#child.on('exit', (code) => this.#ended(code));
    // Phones have processors of their own.
    prefer(this.#child.pid!, -20);
  }

  /** Resolves with what `close` takes once the liver performs. */
  async live({ target, relays, link, fps, voiceMs }: LiverPlan): Promise<number> {
    const id = this.#next++;
    const coming = Promise.withResolvers<void>();
    this.#coming.set(id, coming);
    const known = Array.isArray(relays);
    if (!known) this.#asked.set(id, relays);
    this.#send({
      do: 'live',
      ...{ id, target, link, fps, ...(known && { relays }), ...(voiceMs !== undefined && { voiceMs }) },
    });
    await coming.promise;
    return id;
  }

  begin(): void {
    this.heldMs = 0;
    this.#send({ do: 'begin' });
  }

  async close(ids: readonly number[]): Promise<void> {
    const [first] = ids;
    if (first === undefined || !this.#child.connected) return;
    const going = Promise.withResolvers<void>();
    this.#going.set(first, going);
    this.#send({ do: 'close', ids: [...ids] });
    await going.promise;
  }

  end(): void {
    this.#child.removeAllListeners('exit');
    this.#child.kill();
  }

  #send(message: ToLivers): void {
    // It may have ended while it was waited for what it asked.
    if (this.#child.connected) this.#child.send(message);
  }

  #onMessage(message: ToStage): void {
    switch (message.said) {
      case 'live': {
        const coming = this.#coming.get(message.id);
        this.#coming.delete(message.id);
        if (message.error === undefined) coming?.resolve();
        else coming?.reject(new Error(`a liver did not come: ${message.error}`));
        return;
      }
      case 'relays':
        void this.#asked
          .get(message.id)?.()
          .then(
            (relays) => this.#send({ do: 'relays', ask: message.ask, relays }),
            // As with a backend that does not answer.
            () => this.#send({ do: 'relays', ask: message.ask, relays: [] }),
          );
        return;
      case 'held':
        this.heldMs = message.ms;
        return;
      case 'closed':
        this.#going.get(message.ids[0]!)?.resolve();
        this.#going.delete(message.ids[0]!);
    }
  }

  #ended(code: number | null): void {
    const error = new Error(`the livers' process ended with ${code}`);
    for (const { reject } of [...this.#coming.values(), ...this.#going.values()]) reject(error);
    this.#coming.clear();
    this.#going.clear();
  }
}
