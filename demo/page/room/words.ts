/** What a person reads when the relay says no, by code; others read the relay's own words. */
const WORDS: Readonly<Record<string, string>> = {
  muted: 'A moderator has muted you for now.',
  slow_mode: 'Slow mode: please wait a moment.',
  rate_limited: 'That was a little fast. Try again in a moment.',
  comment_refused: 'This comment cannot be shown here.',
  filter_unavailable: 'Comments are not checked just now. Try again soon.',
  not_permitted: 'You may not do that here.',
  no_such_member: 'This person is not here any more.',
  no_such_comment: 'This comment is gone already.',
  connection_lost: 'No connection just now. Try again soon.',
  timeout: 'The relay did not answer. Try again.',
};

export function explain(error: unknown): string {
  const { code, message } = (error ?? {}) as { code?: string; message?: string };
  return (code !== undefined && WORDS[code]) || (message ?? String(error));
}

const ENDINGS: Readonly<Record<string, string>> = {
  kicked: 'A moderator ended your visit. You may come back.',
  banned: 'A moderator keeps you out of this room.',
  room_closed: 'The room was closed.',
  token_expired: 'Your visit is over: the pass has ended.',
  token_revoked: 'Your pass was taken back.',
};

/** Why the room ended; undefined for what is told otherwise. */
export function ending(code: string | undefined): string | undefined {
  return code === undefined ? undefined : ENDINGS[code];
}
