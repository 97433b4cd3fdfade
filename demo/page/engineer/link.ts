import { h } from '../dom.ts';
import { type PageProbe, report } from '../probe.ts';
import { tell } from './words.ts';

interface Link {
  profile: string;
  profiles: { id: string; label: string }[];
}

const PATH = '/v1/link';

async function ask(profile?: string): Promise<Link | undefined> {
  const body = profile === undefined ? {} : { method: 'POST', body: JSON.stringify({ profile }) };
  const response = await fetch(PATH, { ...body, headers: { 'content-type': 'application/json' } });
  return response.ok ? ((await response.json()) as Link) : undefined;
}

/** A menu of networks, where the relay emulates one (`--emulate-link`); undefined elsewhere. */
export async function linkMenu(probe: PageProbe): Promise<HTMLElement | undefined> {
  const link = await ask().catch(() => undefined);
  if (!link) return undefined;
  const options = link.profiles.map(({ id, label }) =>
    h('option', { value: id, selected: id === link.profile }, label),
  );
  const menu = h('select', { 'aria-label': tell((w) => w.link) }, ...options);
  menu.addEventListener('change', () => {
    ask(menu.value).then(
      (now) => {
        if (now) menu.value = now.profile;
      },
      (error: unknown) => report(probe, error),
    );
  });
  return h(
    'label',
    { class: 'link' },
    tell((w) => w.link),
    menu,
    h(
      'small',
      {},
      tell((w) => w.linkNote),
    ),
  );
}
