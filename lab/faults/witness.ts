import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { askChild, PHONE_ARGV, prefer } from '../lib/children.ts';
import type { Frozen, RelayPlace } from './media-crowd.ts';

export interface WitnessPlan {
  room: string;
  relays: RelayPlace[];
  keyFile: string;
  /** Relay of its liver. */
  liverAt: string;
  /** Relays of so many viewers each. */
  viewersAt: string[];
  viewers: number;
}

export interface Witnessed extends Frozen {
  /** One way, p99. */
  lagMs: number;
}

/**
 * A room whose clients have a processor of their own, as phones have: what it feels of a crowd in another room is the
 * relay's doing, and not that of the crowd's clients beside them.
 */
export class Witness {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Resolves once its media flows. */
  static async enter(plan: WitnessPlan): Promise<Witness> {
    const child = fork(fileURLToPath(new URL('./witness-child.ts', import.meta.url)), {
      execArgv: PHONE_ARGV,
      serialization: 'advanced',
      // A session of its own: what it is given is not to be this process's too.
      detached: true,
    });
    prefer(child.pid!, -20);
    const witness = new Witness(child);
    try {
      await askChild(child, 'enter', { plan });
      return witness;
    } catch (error) {
      witness.end();
      throw error;
    }
  }

  /** Pauses and lags are counted anew. */
  async begin(): Promise<void> {
    await askChild(this.#child, 'begin');
  }

  /** Since `begin`. */
  seen(): Promise<Witnessed> {
    return askChild(this.#child, 'seen');
  }

  end(): void {
    this.#child.kill();
  }
}
