/**
 * React hooks over the SDK. What changes a few times a minute (state, livers, permissions, comments) renders; frames and
 * voice never do: they go to callbacks, or to `usePose` once a display frame.
 * @module @hayate/client/react
 */
import {
  type ConnectionOptions,
  type ConnectionState,
  connectRoom,
  type HayateError,
  type Liver,
  type Permission,
  type Pose,
  type Publisher,
  type PublishOptions,
  publish,
  type RelayTarget,
  type Room,
  type RoomComment,
  type RoomRelay,
  type WatchedFrame,
  type WatchedVoice,
  type Watcher,
  type WatchOptions,
  watch,
} from '@hayate/client';
import { useEffect, useRef, useState, useSyncExternalStore } from 'react';

/** What a room is at one instant; another object only when something in it changed. */
export interface RoomView {
  /** Undefined before the first effect, and without a target. */
  room: Room | undefined;
  /** `idle`: there is no room. */
  state: ConnectionState | 'idle';
  /** Why it is `reconnecting` or `closed`. */
  error: HayateError | undefined;
  /** By slot, lowest first. */
  livers: readonly Liver[];
  /** As `room.permissions`. */
  permissions: ReadonlySet<Permission>;
  /** As `room.relay`. */
  relay: RoomRelay | undefined;
}

const NOTHING: ReadonlySet<Permission> = new Set();
const IDLE: RoomView = {
  room: undefined,
  state: 'idle',
  error: undefined,
  livers: [],
  permissions: NOTHING,
  relay: undefined,
};
const COMMENTS = 50;

/** The last value, for callbacks that outlive a render. */
function useLatest<T>(value: T): { readonly current: T } {
  const latest = useRef(value);
  useEffect(() => {
    latest.current = value;
  });
  return latest;
}

/**
 * A room for as long as the component is there. Another `url` or `token` is another room (memoize a token function); other
 * fields and options count when it is made. No target: no room. In StrictMode React makes two and this closes the first.
 */
export function useRoom(target: RelayTarget | undefined, options: ConnectionOptions = {}): RoomView {
  const latest = useLatest({ target, options });
  const [room, setRoom] = useState<Room>();
  const url = target?.url;
  const token = target?.token;
  useEffect(() => {
    if (url === undefined || token === undefined) return undefined;
    const { target: now, options: how } = latest.current;
    const made = connectRoom({ ...now, url, token }, how);
    setRoom(made);
    return () => {
      made.close();
      setRoom(undefined);
    };
  }, [url, token, latest]);
  return useRoomView(room);
}

/** The same of a room that somebody else made. */
export function useRoomView(room: Room | undefined): RoomView {
  const [store] = useState(() => new RoomStore());
  return useSyncExternalStore(
    // A new function for each room, so that React subscribes anew.
    store.subscriberOf(room),
    () => store.view(room),
    () => IDLE,
  );
}

class RoomStore {
  #view = IDLE;
  #error: HayateError | undefined;
  #room: Room | undefined;
  #subscribe: (changed: () => void) => () => void = () => () => {};

  subscriberOf(room: Room | undefined): (changed: () => void) => () => void {
    if (room === this.#room) return this.#subscribe;
    this.#room = room;
    this.#error = undefined;
    this.#subscribe = (changed) => {
      if (room === undefined) return () => {};
      const unlisten = [
        room.on('state', ({ error }) => {
          if (this.#room === room) this.#error = error;
          changed();
        }),
        ...(['liver', 'left', 'access', 'relay'] as const).map((type) => room.on(type, changed)),
      ];
      return () => {
        for (const each of unlisten) each();
      };
    };
    return this.#subscribe;
  }

  /** Read from the room itself, so that nothing is missed between a render and its subscription. */
  view(room: Room | undefined): RoomView {
    if (room === undefined) return IDLE;
    const livers = [...room.livers.values()].sort((a, b) => a.slot - b.slot);
    const { state, relay, permissions } = room;
    const before = this.#view;
    const same =
      before.room === room &&
      before.state === state &&
      before.error === this.#error &&
      before.relay === relay &&
      before.livers.length === livers.length &&
      before.livers.every((liver, i) => liver === livers[i]) &&
      before.permissions.size === permissions.size &&
      [...permissions].every((permission) => before.permissions.has(permission));
    if (!same) this.#view = { room, state, error: this.#error, livers, permissions: new Set(permissions), relay };
    return this.#view;
  }
}

/** Who publishes in a slot. */
export function useLiver(room: Room | undefined, slot: number): Liver | undefined {
  return useRoomView(room).livers.find((liver) => liver.slot === slot);
}

/** What is called as media arrives. New functions in each render are fine. */
export interface WatcherHandlers {
  /**
   * Called as frames arrive, outside of React. The last one that was rendered is called; `values` is valid only during
   * the call.
   */
  onFrame?(frame: WatchedFrame): void;
  /** The same for voice packets. */
  onVoice?(voice: WatchedVoice): void;
}

/** Watches the room's livers; options count when it begins. Never renders for what arrives. */
export function useWatcher(
  room: Room | undefined,
  handlers: WatcherHandlers = {},
  options: WatchOptions = {},
): Watcher | undefined {
  const latest = useLatest({ handlers, options });
  const [watcher, setWatcher] = useState<Watcher>();
  useEffect(() => {
    if (room === undefined) return undefined;
    const made = watch(room, latest.current.options);
    // Without the permission it rejects, which shows in the room's permissions.
    made.ready.catch(() => {});
    made.onFrame((frame) => latest.current.handlers.onFrame?.(frame));
    made.onVoice((voice) => latest.current.handlers.onVoice?.(voice));
    setWatcher(made);
    return () => {
      made.close();
      setWatcher(undefined);
    };
  }, [room, latest]);
  return watcher;
}

/** Calls `draw` once a display frame with the pose that a slot shows then, outside of React. */
export function usePose(watcher: Watcher | undefined, slot: number, draw: (pose: Pose) => void): void {
  const latest = useLatest(draw);
  useEffect(() => {
    if (watcher === undefined) return undefined;
    let frame = requestAnimationFrame(function next(nowMs) {
      const pose = watcher.playout(slot)?.sample(nowMs);
      if (pose) latest.current(pose);
      frame = requestAnimationFrame(next);
    });
    return () => cancelAnimationFrame(frame);
  }, [watcher, slot, latest]);
}

/** A publisher at one instant. */
export interface PublisherView {
  /** Undefined before the first effect, and without a room. */
  publisher: Publisher | undefined;
  /** The relay takes media now. */
  live: boolean;
  /** What interrupted it, or why it never began. */
  error: HayateError | undefined;
}

/** Publishes into a room; one a room. Options count when it begins. */
export function usePublisher(room: Room | undefined, options: PublishOptions = {}): PublisherView {
  const latest = useLatest(options);
  const [view, setView] = useState<PublisherView>({ publisher: undefined, live: false, error: undefined });
  useEffect(() => {
    if (room === undefined) return undefined;
    const publisher = publish(room, latest.current);
    const set = (live: boolean, error?: HayateError) => setView({ publisher, live, error });
    set(false);
    publisher.on('live', () => set(true));
    publisher.on('interrupted', (error) => set(false, error));
    let gone = false;
    publisher.ready.catch((error: HayateError) => {
      if (!gone) set(false, error);
    });
    return () => {
      gone = true;
      void publisher.close();
      setView({ publisher: undefined, live: false, error: undefined });
    };
  }, [room, latest]);
  return view;
}

/** The newest comments, oldest first; those that were deleted are gone. */
export function useComments(room: Room | undefined, most = COMMENTS): readonly RoomComment[] {
  const [comments, setComments] = useState<readonly RoomComment[]>([]);
  useEffect(() => {
    setComments([]);
    if (room === undefined) return undefined;
    const unlisten = [
      room.on('comment', (comment) => setComments((before) => [...before, comment].slice(-most))),
      room.on('comment_placed', ({ key, number }) =>
        setComments((before) => before.map((each) => (each.key === key ? { ...each, number } : each))),
      ),
      room.on('deleted', ({ numbers, keys, subject }) =>
        setComments((before) =>
          before.filter(
            (each) =>
              !(each.number !== undefined && numbers.includes(each.number)) &&
              !(each.key !== undefined && keys.includes(each.key)) &&
              each.subject !== subject,
          ),
        ),
      ),
    ];
    return () => {
      for (const each of unlisten) each();
    };
  }, [room, most]);
  return comments;
}
