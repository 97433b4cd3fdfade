import { type RelayTarget, watch } from '@hayate/client';
import type { Connector } from '@hayate/transport';
import type { BrowserPage } from '../browsers/index.ts';
import { Pauses } from './pauses.ts';

export interface MemberFigures {
  /** The longest time without a new frame or voice packet. */
  frozenMs: number;
  units: number;
  /** Opened so far: 1 when the first one is kept. */
  sessions: number;
  /** `jti` of gifts. */
  acked: string[];
  refused: string[];
}

/** A viewer that gives as well, in this process or in a browser. */
export interface Member {
  readonly name: string;
  /** Resolves once the gift is on its way. */
  give(ticket: string, jti: string): Promise<unknown>;
  /** Pauses are counted anew. */
  begin(): Promise<unknown>;
  /** Resolves when media flows. */
  flows(): Promise<unknown>;
  figures(): Promise<MemberFigures>;
  close(): Promise<void>;
}

const FLOWS_MS = 20_000;
const FLOWING = 50;

export function nodeMember(name: string, target: RelayTarget, connector: Connector): Member {
  const watcher = watch(target, { connector, gifts: { after: 0 } });
  const { room } = watcher;
  const pauses = new Pauses();
  const acked: string[] = [];
  const refused: string[] = [];
  let sessions = 0;
  room.on('state', ({ state }) => {
    if (state === 'open') sessions += 1;
  });
  const flows = Promise.withResolvers<void>();
  const took = (kind: 0 | 1) => (unit: { receivedMs: number }) => {
    pauses.took(kind, unit.receivedMs);
    if (pauses.count >= FLOWING) flows.resolve();
  };
  watcher.onFrame(took(0));
  watcher.onVoice(took(1));
  return {
    name,
    async give(ticket, jti) {
      room.gift(ticket, { timeoutMs: FLOWS_MS }).then(
        () => acked.push(jti),
        (error: unknown) => refused.push(`${jti}: ${error}`),
      );
    },
    begin: async () => pauses.begin(),
    flows: () => {
      const timer = setTimeout(() => flows.reject(new Error(`${name}: no media within ${FLOWS_MS} ms`)), FLOWS_MS);
      return flows.promise.finally(() => clearTimeout(timer));
    },
    figures: async () => ({
      frozenMs: pauses.longestMs(room.nowUs() / 1000),
      units: pauses.count,
      ...{ sessions, acked, refused },
    }),
    close: async () => watcher.close(),
  };
}

/** @param origin where `/page.js` is the bundle of `member-page.ts` */
export async function browserMember(
  name: string,
  page: BrowserPage,
  origin: string,
  target: RelayTarget,
): Promise<Member> {
  await page.goto(origin);
  await page.evaluate("import('/page.js').then(() => true)");
  await page.evaluate(`(page.join(${JSON.stringify(target)}), true)`);
  return {
    name,
    give: (ticket, jti) => page.evaluate(`(page.give(${JSON.stringify(ticket)}, ${JSON.stringify(jti)}), true)`),
    begin: () => page.evaluate('(page.begin(), true)'),
    flows: () => page.waitFor(`page.units() >= ${FLOWING}`, FLOWS_MS),
    figures: () => page.evaluate<MemberFigures>('page.figures()'),
    close: () => page.close(),
  };
}
