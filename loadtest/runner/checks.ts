import { createHash } from 'node:crypto';

export interface CheckCounts {
  name: string;
  passes: number;
  fails: number;
}

/** A check's counts, named as in k6's summary data. */
export interface CheckNode extends CheckCounts {
  path: string;
  id: string;
}

/** A group of checks and groups, named as in k6's summary data. */
export interface GroupNode {
  name: string;
  path: string;
  id: string;
  groups: GroupNode[];
  checks: CheckNode[];
}

const idOf = (path: string): string => createHash('md5').update(path).digest('hex');

/** Groups and checks in the order they were first met; bounded, since a name made at run time would grow it for ever. */
export class CheckTree {
  readonly root: GroupNode = { name: '', path: '', id: idOf(''), groups: [], checks: [] };
  /** As they were first met, whatever group they are in. */
  readonly inOrder: CheckNode[] = [];
  readonly #byPath = new Map<string, GroupNode | CheckNode>();
  readonly #most: number;

  constructor(most = 10_000) {
    this.#most = most;
  }

  group(parent: GroupNode, name: string): GroupNode {
    const path = `${parent.path}::${name}`;
    const known = this.#byPath.get(`g${path}`) as GroupNode | undefined;
    if (known) return known;
    const node: GroupNode = { name, path, id: idOf(path), groups: [], checks: [] };
    if (this.#keep(`g${path}`, node)) parent.groups.push(node);
    return node;
  }

  count(parent: GroupNode, name: string, passed: boolean): void {
    const path = `${parent.path}::${name}`;
    let node = this.#byPath.get(`c${path}`) as CheckNode | undefined;
    if (!node) {
      node = { name, path, id: idOf(path), passes: 0, fails: 0 };
      if (this.#keep(`c${path}`, node)) {
        parent.checks.push(node);
        this.inOrder.push(node);
      }
    }
    if (passed) node.passes += 1;
    else node.fails += 1;
  }

  #keep(key: string, node: GroupNode | CheckNode): boolean {
    if (this.#byPath.size >= this.#most) return false;
    this.#byPath.set(key, node);
    return true;
  }
}
