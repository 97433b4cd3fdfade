export { type ChromiumOptions, type ChromiumPage, launchChromium } from './chromium.ts';
export { type FoundBrowsers, findBrowsers } from './find.ts';
export { type FirefoxOptions, launchFirefox } from './firefox.ts';
export type { BrowserPage, ConsoleLine } from './page.ts';
export { launchPhone, type PhonePage } from './phone.ts';
export type { ThreadProfile } from './profile.ts';
export { type PageServer, servePages } from './serve.ts';
export { type SoundDevice, startNullSound } from './sound.ts';
