import type { Connector } from '@hayate/transport';
import { RoomPublisher } from '../publish/publisher.ts';
import type { Environment } from '../room/environment.ts';
import { RelayRoom } from '../room/room.ts';
import { RoomWatcher } from '../watch/watcher.ts';
import type {
  ConnectionOptions,
  Publisher,
  PublishOptions,
  RelayTarget,
  Room,
  Watcher,
  WatchOptions,
} from './types.ts';

export interface Platform {
  environment: Environment;
  /** Called once a room that names no connector. */
  defaultConnector(options: Pick<ConnectionOptions, 'headStartMs'>): Connector;
  /** A room was made: wire it to what the platform knows of the network. */
  onRoom?(room: Room): void;
}

/** `connectRoom`, `publish` and `watch` of one platform. */
export interface Entry {
  connectRoom(target: RelayTarget, options?: ConnectionOptions): Room;
  publish(target: RelayTarget | Room, options?: PublishOptions): Publisher;
  watch(target: RelayTarget | Room, options?: WatchOptions): Watcher;
}

export function createEntry(platform: Platform): Entry {
  const connectRoom = (target: RelayTarget, options: ConnectionOptions = {}): RelayRoom => {
    const connector = options.connector ?? platform.defaultConnector(options);
    const room = new RelayRoom({ target, options, connector, environment: platform.environment });
    platform.onRoom?.(room);
    return room;
  };
  const within = <T>(
    target: RelayTarget | Room,
    options: ConnectionOptions,
    make: (room: RelayRoom, owns: boolean) => T,
  ): T => {
    if (target instanceof RelayRoom) return make(target, false);
    const room = connectRoom(target as RelayTarget, options);
    try {
      return make(room, true);
    } catch (error) {
      room.close();
      throw error;
    }
  };
  return {
    connectRoom,
    publish: (target, options = {}) => within(target, options, (room, owns) => new RoomPublisher(room, owns, options)),
    watch: (target, options = {}) => within(target, options, (room, owns) => new RoomWatcher(room, owns, options)),
  };
}
