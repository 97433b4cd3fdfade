import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  isBindingElement,
  isCallExpression,
  isIdentifier,
  isImportSpecifier,
  isPropertyAccessExpression,
  isStringLiteral,
  type Node,
} from 'typescript/unstable/ast';
import { API, type Checker, type Symbol as Named, type Project, SymbolFlags } from 'typescript/unstable/sync';

/** Entries of the SDK, as applications import them. */
const ENTRIES = ['@hayate/client', '@hayate/client/face', '@hayate/client/react', '@hayate/client/voice'];
/** What calls give: their members are calls too. */
const HANDLES = ['Room', 'Watcher', 'Publisher', 'SpeakRequest', 'RoomModeration'];
/** Events by the handle whose `on` takes them. */
const EVENTS: Record<string, string> = { Room: 'RoomEvents', Publisher: 'PublisherEvents' };

const COMPILER_OPTIONS = {
  ...{ target: 'es2024', module: 'nodenext', moduleResolution: 'nodenext', jsx: 'react-jsx' },
  lib: ['es2024', 'esnext.disposable', 'dom', 'dom.iterable', 'dom.asynciterable'],
  types: ['node'],
  ...{ strict: true, noEmit: true, skipLibCheck: true, allowImportingTsExtensions: true, erasableSyntaxOnly: true },
};

export interface Usage {
  /** What the compiler says against the files. */
  errors: string[];
  /** Every public call: `watch`, `Room.comment`, `Room event gift`, in the order of their declarations. */
  calls: string[];
  /** Those that some file uses. */
  used: ReadonlySet<string>;
}

/**
 * Which of the SDK's public calls `files` use, as the compiler resolves them: a name in a comment is no use. `folder` has the files and
 * finds the packages; `more`: modules beside the entries whose exports count.
 */
export function usageOf(folder: string, files: readonly string[], more: readonly string[] = []): Usage {
  const entries = [...ENTRIES, ...more];
  const index = entries.map((name, at) => `export * as entry${at} from '${name}';`).join('\n');
  writeFileSync(join(folder, 'entries.ts'), `${index}\n`);
  const config = join(folder, 'tsconfig.json');
  writeFileSync(config, JSON.stringify({ compilerOptions: COMPILER_OPTIONS, files: ['entries.ts', ...files] }));
  const api = new API({ cwd: folder });
  try {
    const snapshot = api.updateSnapshot({ openProjects: [config] });
    const project = snapshot.getProject(config)!;
    const calls = callsOf(project, folder);
    const names = [...files, 'entries.ts'].map((file) => join(folder, file));
    const { program } = project;
    const errors = names.flatMap((name) =>
      [...program.getSyntacticDiagnostics(name), ...program.getSemanticDiagnostics(name)].map(
        ({ fileName = name, text }) => `${fileName.slice(folder.length + 1)}: ${text}`,
      ),
    );
    const used = new Set(files.flatMap((file) => usedIn(project, join(folder, file), calls)));
    return { errors, calls: [...calls.values()], used };
  } finally {
    api.close();
  }
}

/** Names of calls by where they are declared. */
function callsOf({ checker, program }: Project, folder: string): Map<string, string> {
  const calls = new Map<string, string>();
  const file = program.getSourceFile(join(folder, 'entries.ts'))!;
  for (const entry of checker.getExportsOfModule(checker.getSymbolAtLocation(file)!)) {
    for (const alias of checker.getExportsOfModule(resolved(checker, entry))) {
      const symbol = resolved(checker, alias);
      const { name, flags } = symbol;
      const isValue = (flags & SymbolFlags.Value) !== 0;
      if (isValue) calls.set(placeOf(symbol), name);
      const isClass = (flags & SymbolFlags.Class) !== 0;
      if (isClass || HANDLES.includes(name))
        for (const member of membersOf(symbol)) calls.set(placeOf(member), `${name}.${member.name}`);
      const [handle] = Object.entries(EVENTS).find(([, events]) => events === name) ?? [];
      if (handle) for (const event of membersOf(symbol)) calls.set(placeOf(event), `${handle} event ${event.name}`);
    }
  }
  return calls;
}

/** Declared by it, and for others to see. */
function membersOf(symbol: Named): Named[] {
  const { Prototype, Constructor, TypeParameter } = SymbolFlags;
  const members = [...symbol.getMembers().values()];
  return members.filter(
    ({ name, flags }) => !/^[#_]/.test(name) && (flags & (Prototype | Constructor | TypeParameter)) === 0,
  );
}

/** Symbols of one declaration may be several: the compiler makes new ones where types are put in. */
function placeOf({ declarations: [first] }: Named): string {
  return first ? `${first.path} ${first.index}` : '';
}

const resolved = (checker: Checker, symbol: Named): Named =>
  (symbol.flags & SymbolFlags.Alias) !== 0 ? checker.getAliasedSymbol(symbol) : symbol;

function usedIn({ checker, program }: Project, path: string, calls: ReadonlyMap<string, string>): string[] {
  const found: string[] = [];
  const names = new Set(calls.values());
  const note = (symbol: Named | undefined) => {
    const name = symbol && calls.get(placeOf(resolved(checker, symbol)));
    if (name !== undefined) found.push(name);
    return name;
  };
  const visit = (node: Node): void => {
    if (isCallExpression(node) && isPropertyAccessExpression(node.expression)) {
      const [handle, method] = note(checker.getSymbolAtLocation(node.expression.name))?.split('.') ?? [];
      const [first] = node.arguments;
      const event = method === 'on' && first && isStringLiteral(first) && `${handle} event ${first.text}`;
      if (event && names.has(event)) found.push(event);
    } else if (isPropertyAccessExpression(node)) {
      note(checker.getSymbolAtLocation(node.name));
    } else if (isBindingElement(node)) {
      const from = checker.getTypeAtLocation(node.parent);
      const name = node.propertyName ?? node.name;
      if (from && name && isIdentifier(name)) note(checker.getPropertyOfType(from, name.text));
    } else if (isIdentifier(node) && !isImportSpecifier(node.parent)) {
      note(checker.getSymbolAtLocation(node));
    }
    node.forEachChild(visit);
  };
  visit(program.getSourceFile(path)!);
  return found;
}
