import type { Camera, CameraError } from './camera/camera.ts';
import type { LiveChoice, LiveControls } from './live-controls.ts';
import { liveWords, told } from './live-words.ts';
import { type PageProbe, report } from './probe.ts';

/** Keeps the camera that is chosen: opened at the choice, so that a liver sees it before going live; closed with another one. */
export class FaceChoice {
  readonly #controls: Pick<LiveControls, 'note' | 'preview'>;
  readonly #probe: PageProbe;
  readonly #model: string | undefined;
  #camera: Promise<Camera> | undefined;
  #open: Camera | undefined;

  /** `model`: URL of the face model; undefined: the relay's own, else the public one. */
  constructor(controls: Pick<LiveControls, 'note' | 'preview'>, probe: PageProbe, model: string | undefined) {
    this.#controls = controls;
    this.#probe = probe;
    this.#model = model;
  }

  get camera(): Camera | undefined {
    return this.#open;
  }

  /** As the choice is now. Resolves with the camera, where one is chosen; rejects with a CameraError, which the page shows. */
  async choose({ face, smoothing }: Pick<LiveChoice, 'face' | 'smoothing'>): Promise<Camera | undefined> {
    if (face !== 'camera') {
      this.#close();
      this.#controls.note(undefined);
      return undefined;
    }
    this.#camera ??= this.#begin();
    const camera = await this.#camera;
    camera.smoothing = smoothing;
    return camera;
  }

  async #begin(): Promise<Camera> {
    this.#controls.note(told((w) => w.opening));
    const opening = import('./camera/camera.ts').then(({ Camera }) =>
      Camera.open({ model: this.#model, onError: (error) => this.#failed(error) }),
    );
    try {
      const camera = await opening;
      // Another face was chosen meanwhile.
      if (this.#camera === undefined) camera.close();
      else {
        this.#open = camera;
        this.#controls.preview(camera.video);
        this.#controls.note(undefined);
      }
      return camera;
    } catch (error) {
      this.#failed(error);
      throw error;
    }
  }

  #failed(error: unknown): void {
    report(this.#probe, error);
    this.#close();
    const { trouble, message } = error as Partial<CameraError>;
    this.#controls.note(trouble ? told((w) => w.trouble[trouble]) : (message ?? String(error)));
  }

  #close(): void {
    this.#camera = undefined;
    this.#open?.close();
    this.#open = undefined;
    this.#controls.preview(undefined);
  }

  /** How the camera does, now. */
  figureText(): string {
    const { frames, lagMs } = this.#open?.figures ?? { frames: 0, lagMs: Number.NaN };
    return frames === 0 ? '–' : liveWords().tracked(lagMs.toFixed(0));
  }
}
