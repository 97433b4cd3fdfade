import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface VectorCase {
  name: string;
  hex: string;
  error?: string;
}

/** The cases of a golden file, as its JSON has them. */
export function readVectors<Case = VectorCase>(name: string): Case[] {
  const text = readFileSync(join(import.meta.dirname, '..', 'vectors', name), 'utf8');
  return (JSON.parse(text) as { cases: Case[] }).cases;
}
