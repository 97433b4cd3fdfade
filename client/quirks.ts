/**
 * What browsers' WebTransport is good for, in one place. What can be felt for (`createWritable`, `getStats`) is felt for where
 * it is used, in transport/browser/native.ts; here is what shows only when it is too late.
 */

export interface BrowserFacts {
  userAgent: string;
  /** Whether the page has a WebTransport at all: only in secure contexts. */
  webTransport: boolean;
}

interface Quirk {
  what: string;
  link: string;
}

export interface BrowserQuirks {
  /** `datagrams`: streams stop after the first window; `none`: there is none. */
  webTransport: 'all' | 'datagrams' | 'none';
  /** What is known of this browser, whether or not it hinders. */
  known: readonly Quirk[];
}

const CREDIT: Quirk = {
  what: 'flow-control credit of streams never refills: what was not sent within the first window never is',
  link: 'https://bugs.webkit.org/show_bug.cgi?id=319818',
};
const CREATE_WRITABLE: Quirk = {
  what: 'datagrams are written by createWritable() alone, and to read `writable` throws',
  link: 'https://github.com/moq-dev/moq/pull/2198',
};
const REMOTE_STREAMS: Quirk = {
  what: 'the peer can open two streams in all; a relay opens none',
  link: 'https://bugzilla.mozilla.org/show_bug.cgi?id=2046262',
};
/** The first Firefox without it. */
const FIREFOX_REMOTE_STREAMS = 153;

/** Pure. Browsers of iPhones are WebKit, whatever their name. */
export function browserQuirks({ userAgent, webTransport }: BrowserFacts): BrowserQuirks {
  if (!webTransport) return { webTransport: 'none', known: [] };
  const webKit = /AppleWebKit\//.test(userAgent) && !/(Chrome|Chromium)\/|\bAndroid\b/.test(userAgent);
  if (webKit) return { webTransport: 'datagrams', known: [CREDIT, CREATE_WRITABLE] };
  const firefox = /\bFirefox\/(\d+)/.exec(userAgent)?.[1];
  const known = firefox !== undefined && Number(firefox) < FIREFOX_REMOTE_STREAMS ? [REMOTE_STREAMS] : [];
  return { webTransport: 'all', known };
}
