import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { type ChromiumPage, launchChromium } from '../browsers/index.ts';
import { bundle, servePages } from '../browsers/serve.ts';
import { hayate, Running, root } from '../lib/processes.ts';
import { differs } from './output.ts';

/** Where the documents say that a development relay is. */
export const DOCUMENTED = 'localhost:8080';
const READY_MS = 120_000;
const PROGRAM_MS = 90_000;
const PAGE_MS = 30_000;

/** What `npm start` runs, and a folder with the files of a document, where programs find the packages of this checkout. */
export interface Stage {
  readonly folder: string;
  /** For commands: packages of this checkout, and this relay as the one in development. */
  readonly env: NodeJS.ProcessEnv;
  write(file: string, text: string): void;
  /** `node FILE`. @returns what is wrong; undefined: it ended well and printed `printed` */
  program(file: string, printed: string): Promise<string | undefined>;
  /** FILE in a page of Chromium. @returns what is wrong; undefined: the page came to show `printed` within `limitMs` */
  page(file: string, printed: string, limitMs?: number): Promise<string | undefined>;
  close(): Promise<void>;
}

export async function openStage(): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'hayate-docs-'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const write = (file: string, text: string) => writeFileSync(join(folder, file), text);
  write('package.json', '{ "type": "module" }');
  write('tsconfig.json', '{ "compilerOptions": { "jsx": "react-jsx" } }');
  const free = ['listen', 'http', 'metrics', 'api'].flatMap((name) => [`--${name}-port`, '0']);
  const start = hayate(['demo', '--json', '--state-dir', join(folder, 'state'), ...free]);
  let browser: Promise<ChromiumPage> | undefined;
  const close = async () => {
    await (await browser?.catch(() => undefined))?.close();
    await start.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const ready = JSON.parse((await start.line(/"event":"ready"/, READY_MS)).input) as { http: string };
    const relay = new URL(ready.http).origin;
    const map = `--host-resolver-rules=MAP ${DOCUMENTED} ${new URL(relay).host}`;
    return {
      folder,
      env: {
        ...process.env,
        PATH: [join(root, 'node_modules/.bin'), process.env['PATH']].join(delimiter),
        HAYATE_RELAY_STATE_DIR: join(folder, 'state'),
      },
      write,
      program: (file, printed) => program(folder, relay, file, printed),
      page: async (file, printed, limitMs = PAGE_MS) => {
        browser ??= launchChromium({ args: [map] });
        return shown(await browser, await assetsOf(folder, file), printed, limitMs);
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function program(cwd: string, relay: string, file: string, printed: string): Promise<string | undefined> {
  const child = new Running(process.execPath, [file], { cwd, env: { ...process.env, RELAY: relay } });
  const timer = setTimeout(() => child.signal('SIGKILL'), PROGRAM_MS);
  const code = await child.exited;
  clearTimeout(timer);
  const wrong = differs(printed, child.stdout.join('\n'));
  if (code === 0 && wrong === undefined) return undefined;
  return [code === 0 ? '' : `exit code ${code}`, wrong, ...child.stderr.slice(-8)].filter(Boolean).join('\n');
}

type Assets = Parameters<typeof servePages>[0];

/** A page: the HTML itself with the SDK as hayate.js beside it, or a blank one that runs the bundled module. */
async function assetsOf(folder: string, file: string): Promise<Assets> {
  const script = async (entry: string) => ({ type: 'text/javascript', body: await bundle(entry) });
  if (file.endsWith('.html')) {
    return {
      '/': { type: 'text/html', body: readFileSync(join(folder, file), 'utf8') },
      '/hayate.js': await script(join(root, 'client/src/browser.ts')),
    };
  }
  const worklet = join(folder, 'voice-worklet.js');
  return {
    '/': { type: 'text/html', body: '<!doctype html><body><script type="module" src="/page.js"></script>' },
    '/page.js': await script(join(folder, file)),
    ...(existsSync(worklet) && { '/voice-worklet.js': await script(worklet) }),
  };
}

async function shown(
  page: ChromiumPage,
  assets: Assets,
  printed: string,
  limitMs: number,
): Promise<string | undefined> {
  const pages = await servePages(assets);
  try {
    page.console.length = 0;
    await page.goto(`${pages.origin}/`);
    const until = performance.now() + limitMs;
    for (;;) {
      const wrong = differs(printed, (await page.evaluate<string>('document.body.innerText')).trim());
      if (wrong === undefined) return undefined;
      if (performance.now() > until) return [wrong, ...page.console.map(({ text }) => text)].join('\n');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  } finally {
    await page.goto('about:blank');
    await pages.close();
  }
}
