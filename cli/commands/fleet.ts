import { Command } from 'commander';
import { imagesCommand } from './fleet-images.ts';
import { fleetPlanCommand } from './fleet-plan.ts';
import { fleetReleaseCommand } from './fleet-release.ts';
import { fleetRunCommand, fleetStatusCommand } from './fleet-run.ts';
import { fleetShiftCommand } from './fleet-shift.ts';

export function fleetCommand(): Command {
  return new Command('fleet')
    .description('The machines of a cluster.')
    .addCommand(fleetRunCommand())
    .addCommand(fleetStatusCommand())
    .addCommand(fleetShiftCommand())
    .addCommand(fleetReleaseCommand())
    .addCommand(fleetPlanCommand())
    .addCommand(imagesCommand());
}
