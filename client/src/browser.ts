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
    // From Wi-Fi to mobile and back; where a browser tells it.
    const { connection } = navigator as { connection?: EventTarget };
    connection?.addEventListener('change', hint);
    addEventListener('online', hint);
    addEventListener('pageshow', hint);
    globalThis.document?.addEventListener('visibilitychange', visible);
    void room.closed.then(() => {
      connection?.removeEventListener('change', hint);
      removeEventListener('online', hint);
      removeEventListener('pageshow', hint);
      globalThis.document?.removeEventListener('visibilitychange', visible);
    });
  },
});
