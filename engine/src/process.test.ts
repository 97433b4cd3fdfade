import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { describeWithEngine } from './loopback.ts';

// How an engine lives and dies with its process, each in a process of its own.

const index = new URL('./index.ts', import.meta.url).href;
const options = `{ host: '127.0.0.1', certificate: { selfSigned: {} } }`;
const dial = `engine.connect('https://127.0.0.1:' + listener.address.port + '/', {
  serverCertificateHashes: [{ algorithm: 'sha-256', value: listener.certificateHashes[0] }],
})`;

interface Run {
  /** The next line that it prints. */
  line(): Promise<string>;
  exit: Promise<number | string | null>;
  stderr(): string;
}

function run(code: string, env: Record<string, string> = {}): Run {
  const script = `import { openEngine, engineAvailable } from '${index}';\n${code}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { env: { ...process.env, ...env } });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines: string[] = [];
  const waiting: ((line: string) => void)[] = [];
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop()!;
    for (const part of parts) {
      const next = waiting.shift();
      if (next) next(part);
      else lines.push(part);
    }
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const exit = new Promise<number | string | null>((resolve) => {
    child.on('close', (status, signal) => resolve(signal ?? status));
  });
  const line = () => {
    const ready = lines.shift();
    if (ready !== undefined) return Promise.resolve(ready);
    const ended = exit.then((status) => {
      throw new Error(`ended with ${status} before it printed: ${stderr}`);
    });
    return Promise.race([new Promise<string>((resolve) => waiting.push(resolve)), ended]);
  };
  return {
    line,
    exit,
    stderr: () => stderr,
  };
}

describeWithEngine('an engine and its process', () => {
  test('an idle engine keeps no process alive', async () => {
    const child = run(`openEngine(); console.log('open');`);
    expect(await child.line()).toBe('open');
    expect(await child.exit).toBe(0);
  });

  test('a listener keeps it alive, until it is closed', async () => {
    const child = run(`
      const listener = await openEngine().listen(${options});
      // Without the listener this timer alone would keep nothing alive.
      setTimeout(async () => { console.log('alive'); await listener.close(); }, 300).unref();`);
    expect(await child.line()).toBe('alive');
    expect(await child.exit).toBe(0);
  });

  test('without a listener the same timer never fires', async () => {
    const child = run(`openEngine(); setTimeout(() => process.exit(9), 300).unref();`);
    expect(await child.exit).toBe(0);
  });

  test('process.exit with open sessions is clean', async () => {
    const child = run(`
      const engine = openEngine();
      const listener = await engine.listen(${options});
      const session = ${dial};
      await session.ready;
      process.exit(3);`);
    expect(await child.exit).toBe(3);
    expect(child.stderr()).toBe('');
  });

  test('the end of a worker ends its engine, and the others go on', async () => {
    const worker = join(mkdtempSync(join(tmpdir(), 'hayate-')), 'worker.mjs');
    writeFileSync(
      worker,
      `import { openEngine } from '${index}';
       import { parentPort } from 'node:worker_threads';
       const listener = await openEngine().listen(${options});
       parentPort.postMessage(listener.address.port);`,
    );
    const child = run(`
      import { Worker } from 'node:worker_threads';
      import { once } from 'node:events';
      const engine = openEngine();
      const listener = await engine.listen(${options});
      const worker = new Worker('${worker}', { execArgv: [] });
      await once(worker, 'message');
      await worker.terminate();
      await (${dial}).ready;
      console.log('still here');
      await engine.close();`);
    expect(await child.line()).toBe('still here');
    expect(await child.exit).toBe(0);
    expect(child.stderr()).toBe('');
  });

  test("the README's example runs", async () => {
    const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
    const example = /```ts\nimport[^\n]*\n([\s\S]*?)```/.exec(readme)![1]!;
    const child = run(`${example}setTimeout(() => engine.close(), 200);`);
    expect(await child.line()).toMatch(/Uint8Array\(3\) \[ 1, 2, 3 \]|Buffer.* 01 02 03/);
    expect(await child.exit).toBe(0);
  });

  test('hidden by the environment', async () => {
    const child = run(
      `
      console.log(JSON.stringify(engineAvailable()));
      try { openEngine(); } catch (e) { console.log(e.name, e.code); }`,
      { HAYATE_NO_ENGINE: '1' },
    );
    expect(JSON.parse(await child.line())).toEqual({ ok: false, reason: expect.stringContaining('HAYATE_NO_ENGINE') });
    expect(await child.line()).toBe('EngineError engine_unavailable');
  });

  test('missing, or not an addon', async () => {
    const script = `console.log(engineAvailable().reason);`;
    const missing = run(script, { HAYATE_ENGINE_PATH: '/nonexistent.node' });
    expect(await missing.line()).toMatch(/HAYATE_ENGINE_PATH names \/nonexistent.node/);
    const broken = run(script, { HAYATE_ENGINE_PATH: fileURLToPath(import.meta.url) });
    expect(await broken.line()).toMatch(/does not load/);
  });
});
