import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** `process.platform` and `process.arch` of the packages `@hayate/engine-PLATFORM-ARCH` that a release has. */
export const PREBUILT: readonly string[] = ['linux-x64'];

export interface Where {
  /** URL of the module that loads the addon, in `src/` of this package. */
  from: string;
  platform: string;
  arch: string;
  /** HAYATE_ENGINE_PATH */
  named: string | undefined;
}

/**
 * The addon's file: the one that is named, else what `npm run engine` built in this checkout, else what npm installed as
 * `@hayate/engine-PLATFORM-ARCH`; or why there is none and what to do, a sentence for humans.
 */
export function findBinary({ from, platform, arch, named }: Where): { path: string } | { reason: string } {
  if (named !== undefined) {
    if (existsSync(named)) return { path: named };
    return { reason: `the native engine is missing: HAYATE_ENGINE_PATH names ${named}, and no file is there` };
  }
  const here = `${platform}-${arch}`;
  const built = fileURLToPath(new URL(`../dist/hayate-${here}.node`, from));
  if (existsSync(built)) return { path: built };
  const installed = `@hayate/engine-${here}`;
  try {
    return { path: createRequire(from).resolve(installed) };
  } catch {
    return { reason: advice(from, here, built, installed) };
  }
}

function advice(from: string, here: string, built: string, installed: string): string {
  // Compiled code has no Rust sources beside it.
  if (from.endsWith('.ts')) {
    return `the native engine is not built: ${built} is missing; run \`npm run engine\` (needs Rust, https://rustup.rs)`;
  }
  if (PREBUILT.includes(here)) {
    return (
      `the native engine is not installed: the package ${installed} is missing. npm leaves it out with --omit=optional, on ` +
      'systems without glibc, and by a package-lock.json that was made elsewhere: install again with optional packages'
    );
  }
  return (
    `no native engine is made for ${here} (only for ${PREBUILT.join(', ')}): build one in a checkout of Hayate ` +
    '(`npm run engine`, needs Rust) and let HAYATE_ENGINE_PATH name its file'
  );
}
