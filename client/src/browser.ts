import { pickConnector } from '@hayate/transport/browser';
import { systemTimers } from '../room/environment.ts';
import { createEntry } from './entry.ts';

export * from './exports.ts';

export const { connectRoom, publish, watch } = createEntry({
  environment: { ...systemTimers, nowMs: () => performance.now() },
  defaultConnector: () => pickConnector().connect,
  onRoom: (room) => {
    const hint = () => room.hintReconnect();
    // A worker has no document.
    const visible = () => {
      if (document.visibilityState === 'visible') hint();
    };
    addEventListener('online', hint);
    addEventListener('pageshow', hint);
    globalThis.document?.addEventListener('visibilitychange', visible);
    void room.closed.then(() => {
      removeEventListener('online', hint);
      removeEventListener('pageshow', hint);
      globalThis.document?.removeEventListener('visibilitychange', visible);
    });
  },
});
