import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { LOAD } from './load.ts';
import type { Place } from './place.ts';

/** Beside the light viewers: with the SDK, over WebSocket, the liver. */
const OTHERS = 3;

/** Tokens for those that come in the child. */
export interface DoomedTask {
  url: string;
  hash: string;
  light: string[];
  full: string;
  /** Over WebSocket. */
  fallback: string;
  /** In a room of its own. */
  liver: string;
}

/** People whose phone dies: a process of them that comes, stays for a while and is killed, again and again. */
export class Doomed {
  readonly #place: Place;
  #child: ChildProcess | undefined;
  #turn = 0;
  /** Sessions that ended with their process. */
  killed = 0;

  constructor(place: Place) {
    this.#place = place;
  }

  /** The last ones die, others come. Resolves once they are in. */
  async next(room: string): Promise<void> {
    this.kill();
    const turn = ++this.#turn;
    const token = async (name: string, of = room) => (await this.#place.address(of, `doomed-${turn}-${name}`)).token;
    const { url, hash } = await this.#place.address(room, 'doomed');
    const { token: liver } = await this.#place.address(`soak-doomed-${turn}`, 'liver', 'liver');
    const task: DoomedTask = {
      ...{ url, hash },
      light: await Promise.all(Array.from({ length: LOAD.doomedViewers }, (_, n) => token(`light-${n}`))),
      full: await token('full'),
      fallback: await token('fallback'),
      liver,
    };
    const child = fork(fileURLToPath(new URL('doomed-child.ts', import.meta.url)));
    this.#child = child;
    child.send(task);
    await Promise.race([once(child, 'message'), once(child, 'exit')]);
  }

  kill(): void {
    if (!this.#child) return;
    this.#child.kill('SIGKILL');
    this.#child = undefined;
    this.killed += LOAD.doomedViewers + OTHERS;
  }
}
