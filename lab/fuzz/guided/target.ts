/** A decoder under fuzz. */
export interface Target {
  name: string;
  /** What is decoded, for documents. */
  of: string;
  /** Ends of the paths of the files whose coverage guides. */
  files: readonly string[];
  /** Inputs to begin with. */
  seeds(): Uint8Array[] | Promise<Uint8Array[]>;
  /** What mutations put in. Default: nothing. */
  words?: readonly string[];
  maxBytes: number;
  /** Makes what the target needs; then any bytes: throws (or rejects) where something that must hold does not. */
  open(): Run | Promise<Run>;
}

/** Gives a promise where the decoder does. The same input gives the same, whatever came before. */
export type Run = (data: Uint8Array) => void | Promise<void>;
