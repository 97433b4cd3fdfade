// In the browser: a viewer of the SDK's own entry, driven from outside.
import { type RelayTarget, watch } from '@hayate/client';
import { hybridConnector } from '@hayate/client/hybrid';
import { type NetworkViewer, type ViewerOptions, view } from './viewer.ts';

let viewer: NetworkViewer | undefined;

Object.assign(globalThis, {
  network: {
    enter(target: RelayTarget, { hybrid, ...options }: ViewerOptions & { hybrid?: boolean }) {
      viewer?.close();
      viewer = view({ watch }, target, { ...options, ...(hybrid && { connector: hybridConnector() }) });
      return true;
    },
    seen: () => viewer?.seen(),
    reset: () => viewer?.reset(),
    close: () => viewer?.close(),
  },
});
