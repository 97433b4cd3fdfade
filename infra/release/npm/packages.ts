/** A workspace that becomes an npm package. */
export interface Source {
  folder: string;
  /** Exports that stay in the repository: they are there for tests of siblings. */
  withheld?: RegExp;
  /** Modules beside exports and commands that are loaded by name: workers, pages, scripts. */
  entries?: readonly string[];
  /** Files that compiled code reads beside itself; a name that ends in a slash is a folder. */
  assets?: readonly string[];
  /** Files of the repository that compiled code reads: at the same path beside the folder of compiled code. */
  beside?: readonly string[];
  /** Beside package.json, README.md and LICENSE. */
  papers?: readonly string[];
}

/** Bottom up, as in docs/architecture.md. What is left out of a release: lab. */
export const SOURCES: readonly Source[] = [
  {
    folder: 'codec',
    withheld: /^\.\/testing\//,
    assets: ['motion/face/layout.json', 'bench/folds/seen.json'],
    papers: ['NOTICE'],
  },
  { folder: 'engine' },
  { folder: 'transport', withheld: /^\.\/conformance/ },
  { folder: 'client' },
  { folder: 'relay', entries: ['community/sqlite/worker.ts', 'ledger/sqlite/worker.ts'] },
  { folder: 'fleet', assets: ['budget/measured.json'], beside: ['infra/machine/fetch.sh'] },
  {
    folder: 'demo',
    entries: ['main', 'voice-worklet', 'capture-worklet', 'draw-worker', 'camera-worker'].map(
      (name) => `page/${name}.ts`,
    ),
    assets: ['page/index.html', 'page/styles/'],
  },
  {
    folder: 'loadtest',
    entries: [
      ...['index', 'metrics', 'execution'].map((name) => `k6/${name}.ts`),
      ...['bad-networks', 'evening', 'flash-crowd', 'gift-storm', 'ramp', 'smoke', 'soak', 'steady'].map(
        (name) => `scripts/${name}.ts`,
      ),
    ],
    assets: ['report/page/'],
  },
  { folder: 'cli' },
];

/** Folder of compiled code in each package; sources and this folder have the same tree. */
export const COMPILED = 'dist';
