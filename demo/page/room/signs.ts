const SVG = 'http://www.w3.org/2000/svg';

/** Drawn, since not every machine has emoji and no two look alike. */
const SHAPES = {
  heart: '<path fill="#ff6b81" d="M16 27 4.6 15.4a7 7 0 0 1 9.9-9.9L16 7l1.5-1.5a7 7 0 0 1 9.9 9.9z"/>',
  clap: '<g fill="#ffc9a3" stroke="#d98f5f" stroke-width=".8"><rect x="4.6" y="15" width="4.4" height="9" rx="2.2" transform="rotate(-32 6.8 22)"/><rect x="9" y="8" width="3.6" height="14" rx="1.8"/><rect x="12.6" y="5" width="3.6" height="16" rx="1.8"/><rect x="16.2" y="6" width="3.6" height="15" rx="1.8"/><rect x="19.8" y="9" width="3.6" height="13" rx="1.8"/></g><rect x="9.3" y="14.5" width="13.8" height="13" rx="6" fill="#ffc9a3"/>',
  smile:
    '<circle cx="16" cy="16" r="12.5" fill="#ffd15c"/><g fill="#5a4210"><circle cx="11.5" cy="13" r="1.8"/><circle cx="20.5" cy="13" r="1.8"/><path d="M9.5 18h13a6.5 6.5 0 0 1-13 0z"/></g>',
  wow: '<circle cx="16" cy="16" r="12.5" fill="#ffd15c"/><g fill="#5a4210"><circle cx="11.5" cy="12.5" r="1.9"/><circle cx="20.5" cy="12.5" r="1.9"/><ellipse cx="16" cy="21" rx="3" ry="4"/></g>',
  sparkle:
    '<path fill="#ffd15c" stroke="#e0a92e" stroke-width=".8" stroke-linejoin="round" d="M14 4l2.6 8.4L25 15l-8.4 2.6L14 26l-2.6-8.4L3 15l8.4-2.6zM25.5 19l1.2 3.8 3.8 1.2-3.8 1.2-1.2 3.8-1.2-3.8-3.8-1.2 3.8-1.2z"/>',
  star: '<path fill="#ffd15c" stroke="#e0a92e" stroke-linejoin="round" d="M16 3.5l3.8 8 8.7 1.1-6.4 6 1.7 8.6L16 23l-7.8 4.2 1.7-8.6-6.4-6 8.7-1.1z"/>',
  flower:
    '<g fill="#ff9fc0" stroke="#e7709b" stroke-width=".6"><circle cx="16" cy="8.6" r="5.4"/><circle cx="23" cy="13.7" r="5.4"/><circle cx="20.3" cy="22" r="5.4"/><circle cx="11.7" cy="22" r="5.4"/><circle cx="9" cy="13.7" r="5.4"/></g><circle cx="16" cy="16" r="4.2" fill="#ffe08a"/>',
  crown:
    '<path fill="#ffd15c" stroke="#e0a92e" stroke-linejoin="round" d="M4 9.5l6.2 6L16 6l5.8 9.5L28 9.5 25.6 25H6.4z"/><g fill="#ff6b81"><circle cx="16" cy="20" r="2"/><circle cx="10.5" cy="20.5" r="1.4"/><circle cx="21.5" cy="20.5" r="1.4"/></g>',
  gift: '<rect x="5" y="14" width="22" height="13" rx="2" fill="#8fb8ff"/><rect x="3.5" y="9.5" width="25" height="6" rx="1.6" fill="#6f9cf0"/><path fill="#ff6b81" d="M14.2 9.5h3.6V27h-3.6z"/><path fill="none" stroke="#ff6b81" stroke-width="2.4" d="M16 9.5C12 9.5 9 7.5 10.5 5.5S15 6 16 9.5c1-3.5 4-6 5.5-4S20 9.5 16 9.5z"/>',
  sound:
    '<g fill="none" stroke="currentColor" stroke-width="2.4" stroke-linecap="round" stroke-linejoin="round"><path d="M5 12.5v7h5l6.5 5.5v-18L10 12.5z" fill="currentColor"/><path d="M21 11.5a6.5 6.5 0 0 1 0 9M24.5 8a11.5 11.5 0 0 1 0 16"/></g>',
  mute: '<g fill="none" stroke="currentColor" stroke-width="2.4" stroke-linecap="round" stroke-linejoin="round"><path d="M5 12.5v7h5l6.5 5.5v-18L10 12.5z" fill="currentColor"/><path d="M21.5 12.5l7 7M28.5 12.5l-7 7"/></g>',
} as const;

export type Sign = keyof typeof SHAPES;

export function isSign(kind: string): kind is Sign {
  return Object.hasOwn(SHAPES, kind);
}

/** A picture without meaning of its own: whoever shows it says in words what it stands for. */
export function sign(kind: Sign): SVGElement {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 32 32');
  svg.setAttribute('aria-hidden', 'true');
  svg.innerHTML = SHAPES[kind];
  return svg;
}
