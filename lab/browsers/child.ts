import type { ChildProcess } from 'node:child_process';

const START_MS = 60_000;

/** Where a browser says on its standard error that it listens: the first group of `pattern`. */
export function listeningAddress(child: ChildProcess, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    const fail = (why: string) => {
      settle();
      reject(new Error(`the browser ${why}: ${said.slice(-500)}`));
    };
    const onExit = (code: number | null) => fail(`ended with code ${code}`);
    const onError = (error: Error) => fail(error.message);
    const onData = (text: string) => {
      said += text;
      const address = pattern.exec(said)?.[1];
      if (address === undefined) return;
      settle();
      resolve(address);
    };
    const timer = setTimeout(() => fail(`did not start within ${START_MS} ms`), START_MS);
    const settle = () => {
      clearTimeout(timer);
      child.off('exit', onExit).off('error', onError);
      // Read on, or it blocks on a full pipe.
      child.stderr?.off('data', onData).resume();
    };
    child.once('exit', onExit).once('error', onError);
    child.stderr?.setEncoding('utf8').on('data', onData);
  });
}

export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const kill = setTimeout(() => child.kill('SIGKILL'), 5000);
  child.kill('SIGTERM');
  await gone;
  clearTimeout(kill);
}
