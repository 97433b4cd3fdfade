import type { RelayTarget } from '@hayate/client';
import { useComments, usePose, useRoom, useWatcher } from '@hayate/client/react';
import { useRef } from 'react';

export function Stage({ target }: { target: RelayTarget }) {
  const { room, state, livers } = useRoom(target);
  const watcher = useWatcher(room);
  const comments = useComments(room);
  const mouth = useRef<HTMLMeterElement>(null);
  usePose(watcher, 0, ({ values }) => mouth.current?.setAttribute('value', String(values[17]))); // jawOpen
  const names = livers.map(({ name, subject }) => name ?? subject).join(', ');
  return (
    <main>
      <h1>{`${state}: ${names}`}</h1>
      <meter ref={mouth} />
      <p>{comments.map(({ subject, text }) => `${subject}: ${text}`).join('; ')}</p>
    </main>
  );
}
