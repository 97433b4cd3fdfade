import { type Publisher, publish as publishRoom, type Room } from '@hayate/client';
import type { LinkOptions } from '@hayate/engine';
import { engineConnector } from '@hayate/transport/engine';
import { neededScope } from '../runner/vu.ts';
import { rigOf } from './rig.ts';
import { type ActOptions, mediaOf, perform } from './stage.ts';

export interface PublishOptions extends ActOptions {
  room: string;
  /** Who publishes; default: a name of this virtual user. */
  sub?: string;
  link?: LinkOptions;
  /** Grants every request to speak. Default false: nobody answers them. */
  grants?: boolean;
}

export interface LoadLiver {
  readonly publisher: Publisher;
  close(): Promise<void>;
}

/** A liver of `room` that performs until it is closed or its iteration ends. Resolves once media flows. */
export async function publish(options: PublishOptions): Promise<LoadLiver> {
  const scope = neededScope('publish');
  const rig = rigOf(scope.run);
  const vu = scope.vu?.id ?? 0;
  const sub = options.sub ?? `liver-${vu}`;
  const token = await rig.target.token({ room: options.room, sub, roles: ['liver', 'viewer'] });
  const { certificateHashes, url } = rig.target;
  const publisher = publishRoom(
    { url, token, ...(certificateHashes && { certificateHashes }) },
    {
      connector: engineConnector(rig.engine, rig.path(options.link)),
      ...mediaOf(options),
      signal: scope.signal,
    },
  );
  scope.onEnd(() => void publisher.close());
  if (options.grants) grantAll(publisher.room);
  const leave = await perform(rig, publisher, options, { room: options.room, vu });
  scope.onEnd(leave);
  return {
    publisher,
    close: async () => {
      leave();
      await publisher.close();
    },
  };
}

/** Who cannot be granted (no slot is left) is told so at once. */
function grantAll(room: Room): void {
  room.on('speak', ({ subject, state }) => {
    if (state !== 'requested') return;
    room.moderate
      .grant(subject)
      .catch(() => room.moderate.deny(subject))
      .catch(() => {});
  });
}
