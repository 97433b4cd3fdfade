import { type SceneName, type Surroundings, sceneFor } from '../../avatar/scene/light.ts';
import { h, notify, put, tell } from '../dom.ts';
import { followSurroundings } from '../drawing/surroundings.ts';
import { hasWebGl2 } from '../lacking.ts';
import { type Said, say } from '../language/language.ts';
import { setText } from '../language/live-text.ts';
import { type PageProbe, report } from '../probe.ts';
import type { Costume } from './costume.ts';
import { VrmError } from './error.ts';

const MOST_BYTES = 200e6;
const VRM_FILE = /\.(vrm|glb)$/i;

/** Takes VRM files, dropped anywhere on the page or chosen, and says which model is worn in the place of the drawn avatar. */
export class Wardrobe {
  readonly element: HTMLElement;
  /** What is worn. */
  costume: Costume | undefined;
  readonly #probe: PageProbe;
  readonly #label: Said;
  readonly #onChange: () => void;
  readonly #file = h('input', { type: 'file', accept: '.vrm,.glb', hidden: true, onchange: () => this.#chosen() });
  readonly #button: HTMLButtonElement;
  /** The last file dropped wins, however long each takes. */
  #turn = 0;
  #surroundings: Surroundings | undefined;
  #scene: SceneName | undefined;

  /** `label` is what the canvas shows, for who does not see it. */
  constructor(label: Said, probe: PageProbe, onChange: () => void) {
    this.#label = label;
    this.#probe = probe;
    this.#onChange = onChange;
    this.#button = h('button', { type: 'button', class: 'costume', onclick: () => this.#press() });
    this.element = h('span', {}, this.#button, this.#file);
    this.#name();
    this.#follow();
    followSurroundings((surroundings) => {
      this.#surroundings = surroundings;
      this.#light();
    });
  }

  /** What the liver who wears it chose. */
  choose(scene: SceneName | undefined): void {
    this.#scene = scene;
    this.#light();
  }

  /** Wears a model, or tells what is wrong with the file. */
  async wear(file: File): Promise<void> {
    const turn = ++this.#turn;
    tell(say((w) => w.vrm.loading(file.name)));
    try {
      if (!hasWebGl2(document)) throw new VrmError('no_webgl');
      if (file.size > MOST_BYTES) throw new VrmError('too_large');
      // Three.js and what reads VRM: more than all the rest of the page.
      const [{ makeCostume }, bytes] = await Promise.all([import('./costume.ts'), file.arrayBuffer()]);
      const costume = await makeCostume(bytes, this.#label);
      if (turn !== this.#turn) return costume.remove();
      this.#change(costume);
      tell(say((w) => w.vrm.worn(costume.name || file.name)));
    } catch (error) {
      if (turn !== this.#turn) return;
      report(this.#probe, error);
      const code = error instanceof VrmError ? error.code : 'broken';
      notify(say((w) => w.vrm.failure[code](file.name)));
    }
  }

  takeOff(): void {
    this.#turn += 1;
    this.#change(undefined);
  }

  #change(costume: Costume | undefined): void {
    const before = this.costume;
    this.costume = costume;
    this.#onChange();
    before?.remove();
    this.#probe.costume = costume && { name: costume.name, perfect: costume.perfect };
    this.#name();
    this.#light();
  }

  #light(): void {
    if (this.#surroundings) this.costume?.light(sceneFor(this.#scene, this.#surroundings));
  }

  #press(): void {
    if (this.costume) this.takeOff();
    else this.#file.click();
  }

  #chosen(): void {
    const [file] = this.#file.files ?? [];
    if (file) void this.wear(file);
    this.#file.value = '';
  }

  #name(): void {
    const worn = this.costume !== undefined;
    put(
      this.#button,
      say((w) => (worn ? w.vrm.off : w.vrm.short)),
    );
    setText(
      this.#button,
      'aria-label',
      say((w) => (worn ? w.vrm.takeOff : w.vrm.wear)),
    );
    setText(
      this.#button,
      'title',
      say((w) => (worn ? w.vrm.takeOff : w.vrm.wear)),
    );
  }

  /** A VRM is taken before anything else of the page sees it; what nobody else takes is looked at last. */
  #follow(): void {
    const drop = (event: DragEvent, all: boolean) => {
      const files = [...(event.dataTransfer?.files ?? [])];
      const file = files.find(({ name }) => VRM_FILE.test(name)) ?? (all ? files[0] : undefined);
      if (!file) return;
      event.preventDefault();
      event.stopPropagation();
      void this.wear(file);
    };
    const over = (event: DragEvent, is: boolean) => {
      if (is) event.preventDefault();
      document.body.classList.toggle('dropping', is && event.dataTransfer?.types.includes('Files') === true);
    };
    document.addEventListener('dragover', (event) => over(event, true));
    document.addEventListener('dragleave', (event) => {
      if (event.relatedTarget === null) over(event, false);
    });
    document.addEventListener(
      'drop',
      (event) => {
        over(event, false);
        drop(event, false);
      },
      { capture: true },
    );
    window.addEventListener('drop', (event) => {
      if (!event.defaultPrevented) drop(event, true);
    });
  }
}
