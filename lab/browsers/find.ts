import { accessSync, constants } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';

export interface FoundBrowsers {
  chromium: string | undefined;
  firefox: string | undefined;
}

/** Executables: HAYATE_CHROMIUM and HAYATE_FIREFOX first, then the usual names on PATH. */
export function findBrowsers(env: NodeJS.ProcessEnv = process.env): FoundBrowsers {
  const look = (names: (string | undefined)[]) =>
    names.map((name) => executable(name, env['PATH'] ?? '')).find((path) => path !== undefined);
  return {
    chromium: look([env['HAYATE_CHROMIUM'], '/usr/bin/chromium', 'chromium', 'chromium-browser', 'google-chrome']),
    firefox: look([env['HAYATE_FIREFOX'], '/usr/bin/firefox-esr', 'firefox-esr', 'firefox']),
  };
}

function executable(name: string | undefined, path: string): string | undefined {
  if (name === undefined || name === '') return undefined;
  const candidates = isAbsolute(name) ? [name] : path.split(delimiter).map((folder) => join(folder, name));
  return candidates.find((candidate) => {
    try {
      accessSync(candidate, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
