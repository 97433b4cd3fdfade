import type { Room, RoomComment } from '@hayate/client';
import { h } from './dom.ts';
import { type PageProbe, report } from './probe.ts';

const KEPT = 200;

/** The list of comments and the line to send one. */
export function commentsPanel(room: Room, probe: PageProbe): HTMLElement {
  const list = h('ol', { 'aria-live': 'polite', 'aria-label': 'Comments' });
  const input = h('input', { type: 'text', maxlength: '500', placeholder: 'Say something', 'aria-label': 'Comment' });
  const button = h('button', { type: 'submit' }, 'Send');
  const hint = h('small', { role: 'alert' });
  const send = async () => {
    const text = input.value.trim();
    if (text === '') return;
    button.disabled = true;
    hint.textContent = '';
    try {
      await room.comment(text);
      input.value = '';
    } catch (error) {
      report(probe, error);
      hint.textContent = error instanceof Error ? error.message : String(error);
    } finally {
      button.disabled = false;
      input.focus();
    }
  };
  room.on('comment', (comment: RoomComment) => {
    probe.comments += 1;
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    list.append(h('li', {}, h('b', {}, comment.name ?? comment.subject), comment.text));
    while (list.childElementCount > KEPT) list.firstElementChild?.remove();
    if (atEnd) list.scrollTop = list.scrollHeight;
  });
  const submit = (event: Event) => {
    event.preventDefault();
    void send();
  };
  return h(
    'section',
    { class: 'card comments' },
    list,
    h('form', { class: 'line', onsubmit: submit }, input, button),
    hint,
  );
}
