import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import type { FleetStatus } from '../run/fleet.ts';
import { emptyState } from '../scale/types.ts';
import { metricsPage } from './page.ts';

const relay = { region: 'jp', draining: false, fullness: 0.25, viewers: 30, rooms: 2 };
const status: FleetStatus = {
  owner: 'control',
  leads: true,
  relays: [
    { ...relay, id: 'jp-1' },
    { ...relay, id: 'jp-2', draining: true, fullness: 0.5 },
  ],
  counts: { placed: 9, stretched: 1, elsewhere: 2, refused: 3, replaced: 4 },
  state: emptyState(),
  need: { jp: { load: 1.5, least: 2, most: 3 } },
  alarms: [
    { code: 'relay_lost', of: 'jp-9', text: 'silent' },
    { code: 'relay_lost', of: 'jp-8', text: 'silent' },
  ],
  transfer: { linode: { usedGb: 900, quotaGb: 1000, overageGb: 0, overageDollars: 0, crossesMs: undefined } },
  shares: { jp: { linode: { share: 100, due: 2, relays: { serving: 2 } } }, us: {} },
  planned: [],
};
const page = metricsPage({ dryRun: false, status });
const lines = page.split('\n').filter((line) => !line.startsWith('#'));

it('has what an operator asks of the fleet, by region and provider', () => {
  const expected = [
    'hayate_fleet_leads 1',
    'hayate_fleet_dry_run 0',
    'hayate_fleet_relays{region="jp"} 2',
    'hayate_fleet_relays{region="us"} 0',
    'hayate_fleet_relays_draining{region="jp"} 1',
    'hayate_fleet_viewers{region="jp"} 60',
    'hayate_fleet_fullness{region="jp"} 0.5',
    'hayate_fleet_machines{region="jp",provider="linode",phase="serving"} 2',
    'hayate_fleet_need{region="jp",bound="least"} 2',
    'hayate_fleet_alarms{code="relay_lost"} 2',
    'hayate_fleet_alarms{code="transfer_over"} 0',
    'hayate_fleet_placements_total{how="refused"} 3',
    'hayate_fleet_transfer_pool_bytes{provider="linode"} 1000000000000',
    'hayate_fleet_transfer_overage_bytes{provider="linode"} 0',
  ];
  for (const line of expected) expect(lines).toContain(line);
  expect(page).not.toContain('transfer_crosses_timestamp_seconds{');
});

it('tells when transfer passes the pool', () => {
  const over = { ...status.transfer['linode']!, overageGb: 12.5, crossesMs: 1_700_000_000_000 };
  const text = metricsPage({ dryRun: true, status: { ...status, transfer: { linode: over } } });
  expect(text).toContain('hayate_fleet_transfer_crosses_timestamp_seconds{provider="linode"} 1700000000\n');
  expect(text).toContain('hayate_fleet_transfer_overage_bytes{provider="linode"} 12500000000\n');
});

const promtool = spawnSync('promtool', ['--version']).status === 0;
if (!promtool) console.log("SKIPPED the fleet's page before promtool: no promtool on the PATH");

it.skipIf(!promtool)("passes Prometheus' own check; a broken page does not", () => {
  const check = (input: string) => spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' });
  const { status: code, stdout, stderr } = check(page);
  expect(`${code}${stdout}${stderr}`).toBe('0');
  expect(check(`${page}hayate_fleet_leads\n`).status).not.toBe(0);
});
