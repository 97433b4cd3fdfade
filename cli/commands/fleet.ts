import { Command } from 'commander';
import { imagesCommand } from './fleet-images.ts';
import { fleetPlanCommand } from './fleet-plan.ts';
import { fleetRunCommand, fleetStatusCommand } from './fleet-run.ts';

export function fleetCommand(): Command {
  return new Command('fleet')
    .description('The machines of a cluster.')
    .addCommand(fleetRunCommand())
    .addCommand(fleetStatusCommand())
    .addCommand(fleetPlanCommand())
    .addCommand(imagesCommand());
}
