import { describe, expect, it } from 'vitest';
import { readNode, readNpm, readRust } from './audit.ts';

const releases = [
  { version: 'v26.12.1', security: true },
  { version: 'v24.22.3', security: false },
  { version: 'v24.22.1', security: true },
  { version: 'v24.22.0', security: false },
  { version: 'v24.21.0', security: false },
  { version: 'v24.9.1', security: true },
];
const answer = (out: string, err = '') => ({ code: 0, out, err });

describe('an audit', () => {
  it('finds the security releases of the line of Node that came after the one that ships', () => {
    const advisories = (shipped: string) => (readNode(releases, shipped) as { advisories: unknown[] }).advisories;
    expect(advisories('24.21.0')).toEqual([{ id: 'Node 24.22.1', of: 'node 24.21.0', severity: 'security release' }]);
    expect(advisories('24.22.0')).toHaveLength(1);
    expect(advisories('24.22.1')).toEqual([]);
    expect(advisories('24.22.3')).toEqual([]);
  });

  it('takes an answer that says nothing for a skip, never for clean', () => {
    expect(readNode(releases, '24.99.0')).toEqual({ skip: "the list of Node's releases has no 24.99.0" });
    expect(readNode({ message: 'no' }, '24.21.0')).toHaveProperty('skip');
    expect(readNpm(answer('', 'npm error 405'))).toEqual({ skip: 'npm audit says nothing: npm error 405' });
    expect(readNpm(answer('{"message":"405 - GET https://a.registry/x"}'))).toEqual({
      skip: 'the registry gives no advisories: 405',
    });
    expect(readRust(answer('', 'error: no such command: `audit`'))).toHaveProperty('skip');
  });

  it('finds what npm and cargo know', () => {
    const via = [{ source: 1, url: 'https://github.com/advisories/GHSA-a', severity: 'high' }, 'other'];
    expect(readNpm(answer(JSON.stringify({ vulnerabilities: { ws: { via } } })))).toEqual({
      advisories: [{ id: 'GHSA-a', of: 'ws', severity: 'high' }],
    });
    const list = [{ advisory: { id: 'RUSTSEC-2026-0037', cvss: null }, package: { name: 'quinn-proto' } }];
    expect(readRust(answer(JSON.stringify({ vulnerabilities: { list } })))).toEqual({
      advisories: [{ id: 'RUSTSEC-2026-0037', of: 'quinn-proto', severity: 'unknown' }],
    });
  });
});
