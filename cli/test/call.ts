import { vi } from 'vitest';
import { main } from '../program.ts';

/** Runs the command line in this process. What it said is mocked away until `vi.restoreAllMocks()`. */
export async function call(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const said = { out: '', err: '' };
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    said.out += text;
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said.err += text;
    return true;
  });
  const code = await main(args);
  return { code, ...said };
}
