import { readFileSync } from 'node:fs';
import { HayateError } from '@hayate/codec/errors';
import { readDevState } from '@hayate/relay';
import { type Command, Option } from 'commander';
import { stateDirOption } from './target.ts';
import { UsageError } from './usage.ts';

const TIMEOUT_MS = 10_000;

export interface ServiceOptions {
  api?: string;
  serviceTokenFile?: string;
  stateDir: string;
  json?: true;
}

/** The flags that say which relay's service API; none are needed where `hayate relay --dev` runs. */
export function addServiceOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--api <url>', 'service API, http://HOST:PORT (default: the running `hayate relay --dev`)').env(
        'HAYATE_API',
      ),
    )
    .addOption(
      new Option('--service-token-file <path>', "file with its token, the relay's api.tokenFile").env(
        'HAYATE_RELAY_API_TOKEN_FILE',
      ),
    )
    .addOption(stateDirOption())
    .option('--json', 'answers as JSON on standard output');
}

/** `query`: what is undefined is left out. */
interface Call {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  query?: Record<string, string | number | undefined>;
  body?: object;
}

/** The service API of a relay. */
export class ServiceApi {
  readonly #base: URL;
  readonly #token: string;

  /** @throws UsageError when there is no relay to be found */
  constructor({ api, serviceTokenFile, stateDir }: ServiceOptions) {
    const state = api !== undefined && serviceTokenFile !== undefined ? undefined : readDevState(stateDir);
    const base = api ?? state?.apiAddress;
    const file = serviceTokenFile ?? (api === undefined ? state?.serviceTokenFile : undefined);
    if (!base)
      throw new UsageError(`no development relay runs in ${stateDir}: start \`hayate relay --dev\`, or give --api`);
    if (!URL.canParse(base)) throw new UsageError(`--api ${base} is no URL`);
    if (file === undefined) throw new UsageError('--api wants --service-token-file');
    this.#base = new URL(base);
    this.#token = firstLine(file);
  }

  /**
   * The answer's body; undefined where it has none. `path` by parts, so that names may hold any character.
   * @throws HayateError of the answer, or `connect_failed`
   */
  async call<T>(path: readonly string[], { method = 'GET', query = {}, body }: Call = {}): Promise<T> {
    const url = new URL(`/v1/${path.map(encodeURIComponent).join('/')}`, this.#base);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    let answer: Response;
    let text: string;
    try {
      answer = await fetch(url, {
        method,
        headers: { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json' },
        signal: AbortSignal.timeout(TIMEOUT_MS),
        redirect: 'error',
        ...(body && { body: JSON.stringify(body) }),
      });
      text = await answer.text();
    } catch (cause) {
      throw new HayateError('connect_failed', `no answer from ${this.#base.origin}`, { retryable: true, cause });
    }
    const value = text === '' ? undefined : parsed(text);
    if (answer.ok) return value as T;
    const { code, message, retryable } = (value ?? {}) as { code?: string; message?: string; retryable?: boolean };
    throw new HayateError(code ?? 'internal', message ?? `status ${answer.status}`, { retryable: retryable === true });
  }
}

function firstLine(file: string): string {
  try {
    return readFileSync(file, 'utf8').split('\n')[0]!.trim();
  } catch (cause) {
    throw new HayateError('invalid_argument', `cannot read the service token ${file}`, { cause });
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
