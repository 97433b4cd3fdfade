import { expect, it } from 'vitest';
import { browserQuirks } from './quirks.ts';

const AGENTS = {
  chromium: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36',
  headless:
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.0.0 Safari/537.36',
  edge: 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0',
  android:
    'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36',
  firefox: 'Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0',
  oldFirefox: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  safari:
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.4 Safari/605.1.15',
  iPhone:
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.4 Mobile/15E148 Safari/604.1',
  chromeOnIPhone:
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/156.0.0.0 Mobile/15E148 Safari/604.1',
  firefoxOnIPhone:
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/153.0 Mobile/15E148 Safari/605.1.15',
};

const of = (name: keyof typeof AGENTS) => browserQuirks({ userAgent: AGENTS[name], webTransport: true });

it.each(['chromium', 'headless', 'edge', 'android', 'firefox', 'oldFirefox'] as const)(
  '%s has all of WebTransport',
  (name) => {
    expect(of(name).webTransport).toBe('all');
  },
);

it.each(['safari', 'iPhone', 'chromeOnIPhone', 'firefoxOnIPhone'] as const)('%s has datagrams alone', (name) => {
  const { webTransport, known } = of(name);
  expect(webTransport).toBe('datagrams');
  expect(known.map(({ link }) => link)).toContain('https://bugs.webkit.org/show_bug.cgi?id=319818');
});

it('a browser without it has none, whatever it is', () => {
  for (const userAgent of Object.values(AGENTS)) {
    expect(browserQuirks({ userAgent, webTransport: false })).toEqual({ webTransport: 'none', known: [] });
  }
});

it('knows of the streams that peers of an old Firefox cannot open', () => {
  expect(of('oldFirefox').known).toHaveLength(1);
  expect(of('firefox').known).toEqual([]);
});
