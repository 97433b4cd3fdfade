import { h, put } from './dom.ts';
import { told } from './live-words.ts';

const SVG = 'http://www.w3.org/2000/svg';

/** The address for viewers: to copy, to open, and for a phone's camera. */
export function invitePanel(roomName: string): HTMLElement {
  const invite = `${location.origin}/?room=${encodeURIComponent(roomName)}`;
  const copy = h(
    'button',
    { type: 'button', class: 'quiet', onclick: () => void copyInvite() },
    told((w) => w.copy),
  );
  const copyInvite = async () => {
    const copied = await navigator.clipboard.writeText(invite).then(
      () => true,
      () => false,
    );
    put(
      copy,
      told((w) => (copied ? w.copied : w.cannotCopy)),
    );
  };
  const link = h('a', { href: invite, target: '_blank', rel: 'noopener' }, invite);
  const title = h(
    'h2',
    {},
    told((w) => w.invite),
  );
  const summary = h(
    'summary',
    {},
    told((w) => w.scan),
  );
  const scan = h('details', { class: 'scan' }, summary);
  // Few look at it: it comes when it is opened.
  scan.addEventListener(
    'toggle',
    async () => {
      const { qrCode } = await import('./qr.ts');
      scan.append(picture(qrCode(invite), invite));
    },
    { once: true },
  );
  return h('section', { class: 'invite' }, title, link, ' ', copy, scan);
}

function picture({ size, path }: { size: number; path: string }, label: string): SVGElement {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', `0 0 ${size} ${size}`);
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', label);
  const dark = document.createElementNS(SVG, 'path');
  dark.setAttribute('d', path);
  svg.append(dark);
  return svg;
}
