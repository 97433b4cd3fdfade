import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ENV_PREFIX, type Setting, settings } from './settings.ts';

const FILE = fileURLToPath(new URL('../../docs/configuration.md', import.meta.url));

function cell(setting: Setting): string {
  if (setting.otherwise) return setting.otherwise;
  if (setting.default === undefined) return 'none';
  if (Array.isArray(setting.default))
    return setting.default.length === 0 ? 'empty' : `\`${setting.default.join(',')}\``;
  return `\`${String(setting.default)}\``;
}

function values(setting: Setting): string {
  if (setting.choices) return setting.choices.map((c) => `\`${c}\``).join(', ');
  const range = setting.range ? `${setting.range[0]} to ${setting.range[1]}` : '';
  return [range, setting.unit ?? (range ? '' : setting.kind)].filter(Boolean).join(' ');
}

/** docs/configuration.md as the schema says it. */
export function configurationDocs(): string {
  const lines = [
    '# Configuration of a relay',
    '',
    'Made from `relay/config/schema.ts` by `node relay/config/docs.ts`; a test compares them.',
    '',
    `A flag goes before the environment, that before the JSON file (\`--config FILE\` or \`${ENV_PREFIX}CONFIG\`), that before the`,
    'default. A key nobody knows is an error that names the nearest known one. Secrets come from files only. The flag is the',
    `path with hyphens (\`rooms.lingerMs\` is \`--rooms-linger-ms\`); the environment's name is \`${ENV_PREFIX}\` and the same in`,
    `capitals (\`${ENV_PREFIX}ROOMS_LINGER_MS\`). In the file the path is nested: \`{"rooms": {"lingerMs": 5000}}\`.`,
    '',
    '| setting | default | values | meaning |',
    '|---|---|---|---|',
    ...settings.map((s) => `| \`${s.path}\` | ${cell(s)} | ${values(s)} | ${s.description} |`),
    '',
  ];
  return lines.join('\n');
}

/** The committed file. */
export function committedDocs(): string {
  return readFileSync(FILE, 'utf8');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(FILE, configurationDocs());
