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

export interface Entry {
  /**
   * Takes a place in the room that the token names. Returns at once; `ready` settles. Throws `invalid_argument` for a
   * target that can never work, `unsupported` where no connector exists.
   */
  connectRoom(target: RelayTarget, options?: ConnectionOptions): Room;
  /** Publishes into a room; one publisher a room. A target makes a room of its own, closed with the publisher. */
  publish(target: RelayTarget | Room, options?: PublishOptions): Publisher;
  /** Watches a room's livers. A target makes a room of its own, closed with the watcher. */
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
