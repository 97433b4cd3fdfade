import { HayateError } from '@hayate/codec/errors';

/** A machine as its provider shows it. */
export interface Machine {
  /** The provider's. */
  id: string;
  /** Unique in the account. */
  label: string;
  /** The provider's region: `jp-tyo-3`. */
  zone: string;
  /** `g6-standard-2`. */
  type: string;
  status: 'starting' | 'running' | 'stopped' | 'going';
  tags: readonly string[];
  /** ms since 1970. */
  createdMs: number;
}

export interface NewMachine {
  label: string;
  zone: string;
  tags: readonly string[];
}

export interface Transfer {
  /** Sent in this month by the whole account, GB. */
  usedGb: number;
  /** What the account may send in this month, GB: by the hours of its machines, those that are there to the month's end. */
  quotaGb: number;
}

export interface Prices {
  /** US dollars a machine and hour. */
  machineHour: number;
  /** GB that a machine adds to the pool in a whole month; prorated by the hour. */
  machineTransferGb: number;
  /** US dollars a GB beyond the pool, and where it costs something else. */
  overageGb: number;
  overageGbByZone: Readonly<Record<string, number>>;
}

/**
 * What the fleet needs of a place where machines can be had. All of it rejects with ProviderError. Calls may be repeated: a
 * label is one machine.
 */
export interface Provider {
  /** Those of the account that have this tag. */
  machines(tag: string): Promise<Machine[]>;
  create(machine: NewMachine): Promise<Machine>;
  /** Nothing happens to what is gone. */
  remove(id: string): Promise<void>;
  /** Of one whose transfer is counted. */
  billing?: { transfer(): Promise<Transfer>; prices(): Promise<Prices> };
}

/** What a provider may say instead, and what the fleet makes of it. */
const providerCodes = {
  outcome_unknown: 'it may have been done: a machine may be there under the label, or come later',
  rate_limited: 'not before `retryAfterMs`',
  account_limit: 'the account has no room for more',
  label_taken: 'a machine of this label is there',
  unavailable: 'not done; it does not work just now',
  refused: 'not done; the same call is refused again',
} as const;

export type ProviderCode = keyof typeof providerCodes;

export class ProviderError extends HayateError {
  override readonly name = 'ProviderError';
  declare readonly code: ProviderCode;
  readonly retryAfterMs: number | undefined;

  constructor(
    code: ProviderCode,
    message: string,
    options: { retryAfterMs?: number | undefined; cause?: unknown } = {},
  ) {
    super(code, message, { retryable: code !== 'refused', cause: options.cause });
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** What fails for another reason (a disk, a store, a program) may work later. Rejects with ProviderError. */
export async function orUnavailable<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    if (cause instanceof ProviderError) throw cause;
    throw new ProviderError('unavailable', (cause as Error).message, { cause });
  }
}
