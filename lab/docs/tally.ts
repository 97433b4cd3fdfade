import type { Block } from './blocks.ts';

/** What became of a document's blocks: each is in one of the lists. */
export interface Tally {
  blocks: number;
  /** Programs, pages, files that they take, and commands. */
  ran: string[];
  /** Outputs that were compared with what came. */
  compared: number;
  /** Each with its reason. */
  notRun: string[];
  /** What ran and was not as the document says. */
  wrong: string[];
}

export const newTally = (blocks: readonly Block[]): Tally => ({
  ...{ blocks: blocks.length, ran: [], compared: 0, notRun: [], wrong: [] },
});
