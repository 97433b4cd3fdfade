/** Numbers for rooms, small ones first, because their length is on every datagram. Reused oldest first. */
export class Aliases {
  readonly #free: number[] = [];
  #next = 1;

  take(): number {
    return this.#free.shift() ?? this.#next++;
  }

  give(alias: number): void {
    this.#free.push(alias);
  }
}
