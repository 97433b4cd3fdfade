import { readFileSync } from 'node:fs';
import { type Analysis, checkPackage, createPackageFromTarballData, type Problem } from '@arethetypeswrong/core';
import { problemAffectsResolutionKind } from '@arethetypeswrong/core/problems';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

export interface Exception {
  package: RegExp;
  /** Of a finding's text, which names its rule. */
  finding: RegExp;
  why: string;
}

/** All that is let pass, for all packages. One that nothing needs any more is a finding itself. */
const EXCEPTIONS: readonly Exception[] = [];

/** Packages without a module to import: a command, and the file that the engine loads. Types would describe nothing. */
const UNTYPED = /^(hayate|@hayate\/engine-.+)$/;

/** ESM only: `require` from CommonJS and the resolver of TypeScript before `exports` (node10) are not served. */
const SERVED = ['node16-esm', 'bundler'] as const;

export interface Tarball {
  name: string;
  file: string;
}

/** What publint (strict) and arethetypeswrong find, as `@hayate/x: publint FILE_DOES_NOT_EXIST ...`. Empty: nothing. */
export async function audit(
  tarballs: readonly Tarball[],
  exceptions: readonly Exception[] = EXCEPTIONS,
): Promise<string[]> {
  const found: string[] = [];
  const used = new Set<Exception>();
  for (const { name, file } of tarballs) {
    const bytes = new Uint8Array(readFileSync(file));
    for (const text of [...(await published(bytes)), ...(await typed(bytes, UNTYPED.test(name)))]) {
      const pass = exceptions.find((each) => each.package.test(name) && each.finding.test(text));
      if (pass) used.add(pass);
      else found.push(`${name}: ${text}`);
    }
  }
  const stale = exceptions.filter((each) => !used.has(each));
  return [...found, ...stale.map(({ package: of, finding }) => `no finding ${finding} of ${of}: drop the exception`)];
}

async function published(bytes: Uint8Array<ArrayBuffer>): Promise<string[]> {
  const { messages, pkg } = await publint({ strict: true, pack: { tarball: bytes.buffer } });
  return messages.map((each) => `publint ${each.code} ${formatMessage(each, pkg ?? {}, { color: false }) ?? ''}`);
}

async function typed(bytes: Uint8Array, untyped: boolean): Promise<string[]> {
  const result = await checkPackage(createPackageFromTarballData(bytes));
  if (result.types === false) return untyped ? [] : ['attw: no types'];
  if (untyped) return ['attw: has types, and is said to have none'];
  const served = result.problems.filter((problem) =>
    SERVED.some((kind) => problemAffectsResolutionKind(problem, kind, result)),
  );
  return [...new Set(served.map((problem) => `attw ${problem.kind} ${whereOf(problem, result)}`))];
}

function whereOf(problem: Problem, { packageName }: Analysis): string {
  if ('entrypoint' in problem) return `${packageName}${problem.entrypoint.slice(1)} (${problem.resolutionKind})`;
  return 'typesFileName' in problem ? problem.typesFileName : problem.fileName;
}
