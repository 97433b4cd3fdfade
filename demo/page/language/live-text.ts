import { onLanguage, type Said } from './language.ts';

/** Texts of the page and what each writes. Held weakly: comments come and go. */
const shown = new Map<number, { owner: WeakRef<Node>; write: () => void }>();
/** So that what goes takes its entry along, whether or not the language ever changes. */
const gone = new FinalizationRegistry<number>((id) => shown.delete(id));
let lastId = 0;

onLanguage(() => {
  for (const { owner, write } of shown.values()) if (owner.deref()) write();
});

function keep(owner: Node, write: () => void): void {
  const id = ++lastId;
  shown.set(id, { owner: new WeakRef(owner), write });
  gone.register(owner, id);
  write();
}

/** A text node that follows the language. */
export function liveText(said: Said): Text {
  const node = document.createTextNode('');
  const held = new WeakRef(node);
  keep(node, () => {
    const there = held.deref();
    if (there) there.data = String(said);
  });
  return node;
}

/** What an element's attributes say, by their name. */
const attributes = new WeakMap<Element, Map<string, Said>>();

/** Sets an attribute: for good, or so that it follows the language. The last call for a name counts. */
export function setText(element: Element, name: string, text: string | Said): void {
  element.setAttribute(name, String(text));
  const known = attributes.get(element);
  if (typeof text === 'string') known?.delete(name);
  else if (known) known.set(name, text);
  else {
    attributes.set(element, new Map([[name, text]]));
    const held = new WeakRef(element);
    keep(element, () => {
      const there = held.deref();
      if (there) for (const [each, said] of attributes.get(there) ?? []) there.setAttribute(each, String(said));
    });
  }
}
