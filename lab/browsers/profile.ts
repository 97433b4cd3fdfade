import type { BrowserContext, CDPSession, Page } from 'playwright-core';

/** One function in one place of the stack (DevTools protocol, `Profiler.ProfileNode`). */
export interface ProfileNode {
  id: number;
  callFrame: { functionName: string; url: string; lineNumber: number; columnNumber: number };
  children?: number[];
}

export interface ThreadProfile {
  /** `page`, or the script of a worker. */
  thread: string;
  nodes: ProfileNode[];
  /** Node ids, and what passed before each, us. */
  samples: number[];
  timeDeltas: number[];
}

export interface PageProfile {
  seconds: number;
  threads: ThreadProfile[];
}

const SAMPLE_US = 200;

interface Answer {
  id?: number;
  result?: unknown;
  error?: { message: string };
}

type Send = <T>(method: string, params?: object) => Promise<T>;

/** The workers of a page, each by messages through the page's session. */
async function workersOf(session: CDPSession): Promise<Map<string, Send>> {
  const workers = new Map<string, Send>();
  const waiting = new Map<string, PromiseWithResolvers<unknown>>();
  let lastId = 0;
  session.on('Target.attachedToTarget', ({ sessionId, targetInfo }) => {
    workers.set(`${new URL(targetInfo.url).pathname} ${sessionId.slice(0, 4)}`, async (method, params = {}) => {
      const id = ++lastId;
      const answer = Promise.withResolvers<unknown>();
      waiting.set(`${sessionId} ${id}`, answer);
      await session.send('Target.sendMessageToTarget', { sessionId, message: JSON.stringify({ id, method, params }) });
      return (await answer.promise) as never;
    });
  });
  session.on('Target.receivedMessageFromTarget', ({ sessionId, message }) => {
    const { id, result, error } = JSON.parse(message) as Answer;
    const answer = waiting.get(`${sessionId} ${id}`);
    if (error) answer?.reject(new Error(error.message));
    else answer?.resolve(result);
  });
  // Those that run already are told of before this answers.
  await session.send('Target.setAutoAttach', { autoAttach: true, waitForDebuggerOnStart: false, flatten: false });
  return workers;
}

/** As `ChromiumPage.profile`. */
export async function profileThreads(context: BrowserContext, page: Page, seconds: number): Promise<PageProfile> {
  const session = await context.newCDPSession(page);
  const workers = await workersOf(session);
  const toPage: Send = (method, params) => (session.send as unknown as Send)(method, params);
  const threads = new Map<string, Send>([['page', toPage], ...workers]);
  for (const send of threads.values()) {
    await send('Profiler.enable');
    await send('Profiler.setSamplingInterval', { interval: SAMPLE_US });
  }
  await Promise.all([...threads.values()].map((send) => send('Profiler.start')));
  await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
  const stopped = await Promise.all(
    [...threads].map(async ([thread, send]) => {
      const { profile } = await send<{ profile: Omit<ThreadProfile, 'thread'> }>('Profiler.stop');
      return { thread, ...profile };
    }),
  );
  await session.detach();
  return { seconds, threads: stopped };
}
