import type { RelayTarget } from '@hayate/client';
import { usePublisher, useRoom, useWatcher } from '@hayate/client/react';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Stage } from '../../client/examples/react.tsx';

const counts = { renders: 0, frames: 0, oldHandler: 0 };

/** Counts what renders and what arrives. */
function Counting({ target, mark }: { target: RelayTarget; mark: string }) {
  counts.renders += 1;
  const { room, state, livers, permissions } = useRoom(target);
  useWatcher(room, {
    onFrame() {
      counts.frames += 1;
      if (mark !== current) counts.oldHandler += 1;
    },
  });
  const { live, error } = usePublisher(permissions.has('publish') ? room : undefined);
  Object.assign(globalThis, { seen: { state, livers: livers.length, live, error: error?.code, room } });
  return null;
}

const root = createRoot(document.body.appendChild(document.createElement('div')));
let current = '';

Object.assign(globalThis, {
  counts,
  show: (what: 'stage' | 'counting' | 'nothing', target: RelayTarget, mark = '') => {
    current = mark;
    const node = what === 'stage' ? <Stage target={target} /> : <Counting target={target} mark={mark} />;
    root.render(<StrictMode>{what === 'nothing' ? null : node}</StrictMode>);
  },
});
