import { Command } from 'commander';
import { imagesCommand } from './fleet-images.ts';

export function fleetCommand(): Command {
  return new Command('fleet').description('The machines of a cluster.').addCommand(imagesCommand());
}
