import { type FleetStatus, readFleetConfig, startFleet } from '@hayate/fleet';
import { Command } from 'commander';
import { plain, printJson } from '../gifts-ledger.ts';
import { openLog } from '../log.ts';
import { addServiceOptions, ServiceApi, type ServiceOptions } from '../service-api.ts';
import { onInterrupt } from '../until.ts';

const CONFIG = '/etc/hayate/fleet.json';

export function fleetRunCommand(): Command {
  return new Command('run')
    .description('One instance of the fleet: places rooms, and while it leads creates and removes machines.')
    .option('--config <file>', 'JSON: docs/fleet.md has its keys', CONFIG)
    .option('--dry-run', 'decides and logs, creates and removes nothing, whatever the file says')
    .action(async (options: { config: string; dryRun?: true }) => {
      const log = openLog({ base: null });
      const config = readFleetConfig(options.config);
      const fleet = await startFleet({ ...config, dryRun: options.dryRun ?? config.dryRun }, log);
      log.info({ port: fleet.port, dryRun: options.dryRun ?? config.dryRun }, 'fleet runs');
      const interrupt = onInterrupt();
      await interrupt.wait();
      await fleet.close();
      interrupt.dispose();
    });
}

export function fleetStatusCommand(): Command {
  const command = new Command('status')
    .description('What an instance of the fleet sees and does; all of it where it leads.')
    .action(async (options: ServiceOptions) => {
      const status = await new ServiceApi(options).call<FleetStatus>(['fleet']);
      if (options.json) return printJson(status);
      for (const line of linesOf(status)) process.stdout.write(`${line}\n`);
    });
  return addServiceOptions(command);
}

function linesOf({ owner, leads, relays, state, need, alarms, transfer, shares }: FleetStatus): string[] {
  const lines = [`${plain(owner)} ${leads ? 'leads' : 'does not lead: ask the other one for machines'}`];
  for (const [region, { load, least, most }] of Object.entries(need)) {
    lines.push(`${plain(region)}  load ${load.toFixed(1)} relays, needs ${least} to ${most}`);
  }
  for (const [region, providers] of Object.entries(shares)) {
    for (const [name, { share, due, relays: counts }] of Object.entries(providers)) {
      const phases = Object.entries(counts).map(([phase, count]) => `${count} ${phase}`);
      const words = [plain(region), plain(name), `${round(share)} %`, `due ${round(due)} relays`];
      lines.push([...words, phases.join(', ') || 'none'].join('  '));
    }
  }
  for (const { id, draining, fullness, viewers, rooms } of relays) {
    const words = [plain(id), `${Math.round(100 * fullness)} %`, `${rooms} rooms`, `${viewers} viewers`];
    lines.push([...words, ...(draining ? ['draining'] : [])].join('  '));
  }
  for (const { id, provider, zone, phase, sinceMs } of Object.values(state.machines)) {
    if (phase === 'serving') continue;
    lines.push([plain(id), plain(provider), plain(zone), phase, `since ${new Date(sinceMs).toISOString()}`].join('  '));
  }
  for (const [name, { usedGb, quotaGb, overageDollars }] of Object.entries(transfer)) {
    lines.push(
      `${plain(name)}  transfer at the month's end: ${Math.round(usedGb)} of ${Math.round(quotaGb)} GB, ${overageDollars.toFixed(2)} dollars over`,
    );
  }
  for (const { code, of, text } of alarms) lines.push(`ALARM ${code} ${plain(of)}: ${plain(text)}`);
  return lines;
}

const round = (value: number): number => Math.round(10 * value) / 10;
