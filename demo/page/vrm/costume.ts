/** A chunk of its own: three.js and what reads VRM, loaded when the first file is dropped. */
import { AmbientLight, DirectionalLight, Object3D, PerspectiveCamera, Scene, Vector3, WebGLRenderer } from 'three';
import { CHANNEL_COUNT } from '../../avatar/channels.ts';
import { FixedStep, passedIn, STEP_S } from '../../avatar/motion/fixed-step.ts';
import { createLife, lifeAt, Stillness } from '../../avatar/motion/life.ts';
import type { Scene as Place } from '../../avatar/scene/light.ts';
import { canvasFor, type Portrait } from '../drawing/painter.ts';
import { followSize } from '../drawing/size.ts';
import type { Said } from '../language/language.ts';
import { VrmError } from './error.ts';
import { createFace, poseFace, rigOf, type VrmFace, type VrmRig } from './face.ts';
import { readVrm } from './load.ts';
import { VRMUtils, type Vrm } from './three-vrm.ts';

const FIELD_OF_VIEW = 22;
/** More a software renderer cannot fill in time, and nobody sees. */
const MOST_PIXELS = 1.5e6;
const SPRING_STEP_S = 1 / 60;
/** Arms that hang, from those that a model has stretched out, rad. */
const ARMS_DOWN = 1.22;

/** A model in the place of the drawn avatar. */
export interface Costume extends Omit<Portrait, 'choose'> {
  /** As the file names it. */
  readonly name: string;
  /** Moved by ARKit's 52 names, not by the presets. */
  readonly perfect: boolean;
  light(place: Place): void;
}

/** Rejects with `VrmError`. */
export async function makeCostume(bytes: ArrayBuffer, label: Said): Promise<Costume> {
  const canvas = canvasFor(label);
  let renderer: WebGLRenderer;
  try {
    renderer = new WebGLRenderer({ canvas, alpha: true, antialias: true, powerPreference: 'low-power' });
  } catch (cause) {
    throw new VrmError('no_webgl', { cause });
  }
  try {
    return new VrmCostume(canvas, renderer, await readVrm(bytes));
  } catch (error) {
    renderer.dispose();
    renderer.forceContextLoss();
    throw error;
  }
}

class VrmCostume implements Costume {
  readonly canvas: HTMLCanvasElement;
  readonly name: string;
  readonly #renderer: WebGLRenderer;
  readonly #vrm: Vrm;
  readonly #rig: VrmRig;
  readonly #face: VrmFace = createFace();
  readonly #stage = new Scene();
  readonly #camera = new PerspectiveCamera(FIELD_OF_VIEW, 1, 0.05, 50);
  readonly #sun = new DirectionalLight('#ffffff', 2.3);
  readonly #sky = new AmbientLight('#ffffff', 0.7);
  readonly #life = createLife();
  readonly #stillness = new Stillness();
  readonly #clock = new FixedStep();
  readonly #values = new Float32Array(CHANNEL_COUNT);
  readonly #stopSize: () => void;
  /** Models of VRM 0.x look to -Z: what tilts is the other way round there. */
  readonly #front: 1 | -1;
  #owedS = 0;

  constructor(canvas: HTMLCanvasElement, renderer: WebGLRenderer, vrm: Vrm) {
    this.canvas = canvas;
    this.#renderer = renderer;
    this.#vrm = vrm;
    this.name = (vrm.meta.metaVersion === '1' ? vrm.meta.name : vrm.meta.title) ?? '';
    this.#front = vrm.meta.metaVersion === '0' ? -1 : 1;
    this.#rig = rigOf(Object.keys(vrm.expressionManager?.expressionMap ?? {}), vrm.lookAt !== undefined);
    this.#sun.position.set(-0.6, 1.4, 1.6);
    this.#stage.add(this.#sun, this.#sky, vrm.scene);
    // Bounding boxes of skins do not follow the bones, so parts would vanish.
    vrm.scene.traverse((part) => {
      part.frustumCulled = false;
    });
    this.#lowerArms();
    this.#vrm.update(0);
    this.#stopSize = followSize(canvas, (width, height) => this.#resize(width, height));
  }

  get perfect(): boolean {
    return this.#rig.perfect;
  }

  light({ ambient, skyTop, skyMid, skyLow }: Place): void {
    this.#sun.color.set(ambient);
    this.#sky.color.set(ambient);
    this.canvas.style.background = `linear-gradient(${skyTop}, ${skyMid} 50%, ${skyLow})`;
  }

  pose(values: Float32Array, awake: boolean): void {
    const nowMs = performance.now();
    const turn = this.#clock.advance(nowMs);
    lifeAt(this.#life, 0, nowMs / 1000);
    const changed = values.some((value, i) => value !== this.#values[i]);
    this.#values.set(values);
    const idle = this.#stillness.step(passedIn(turn), changed);
    poseFace(this.#face, this.#rig, values, this.#life.blink * idle);
    this.#apply(idle);
    if (turn.rest) this.#vrm.springBoneManager?.reset();
    this.#owedS += turn.steps * STEP_S;
    // Springs are stepped as often as they were made for; the pose is taken over in any case.
    do {
      const step = this.#owedS >= SPRING_STEP_S ? SPRING_STEP_S : 0;
      this.#owedS -= step;
      this.#vrm.update(step);
    } while (this.#owedS >= SPRING_STEP_S);
    this.canvas.style.filter = awake ? '' : 'brightness(0.55)';
    this.#renderer.render(this.#stage, this.#camera);
  }

  remove(): void {
    this.#stopSize();
    VRMUtils.deepDispose(this.#vrm.scene);
    this.#renderer.dispose();
    // A page may have few of them.
    this.#renderer.forceContextLoss();
  }

  #apply(idle: number): void {
    const { expressionManager, lookAt, humanoid } = this.#vrm;
    const face = this.#face;
    const life = this.#life;
    for (const [name, weight] of face.weights) expressionManager?.setValue(name, weight);
    if (lookAt) {
      lookAt.yaw = (-face.lookYaw * 180) / Math.PI;
      lookAt.pitch = (face.lookPitch * 180) / Math.PI;
    }
    const yaw = face.headYaw + life.yaw * idle;
    const pitch = face.headPitch + life.pitch * idle;
    const roll = face.headRoll + life.roll * idle;
    const turn = (bone: 'head' | 'neck' | 'spine' | 'chest', share: number, breath = 0) => {
      const node = humanoid.getNormalizedBoneNode(bone);
      const tilt = (pitch * share + breath) * this.#front;
      node?.rotation.set(tilt, -yaw * share, (roll * share + life.swayRoll) * this.#front, 'YXZ');
    };
    turn('neck', 0.35);
    turn('head', 0.6);
    turn('spine', 0.08);
    turn('chest', 0.1, -0.012 * life.breath);
  }

  #lowerArms(): void {
    for (const [side, way] of [
      ['left', -1],
      ['right', 1],
    ] as const) {
      const arm = this.#vrm.humanoid.getNormalizedBoneNode(`${side}UpperArm`);
      if (arm) arm.rotation.z = way * this.#front * ARMS_DOWN;
    }
  }

  #resize(width: number, height: number): void {
    if (width * height === 0) return;
    const fit = Math.min(1, Math.sqrt(MOST_PIXELS / (width * height)));
    this.#renderer.setSize(Math.round(width * fit), Math.round(height * fit), false);
    this.#frame(width / height);
  }

  /** Head and shoulders, whatever the size of the model. */
  #frame(aspect: number): void {
    const { humanoid } = this.#vrm;
    const place = (bone: 'head' | 'hips') =>
      (humanoid.getRawBoneNode(bone) ?? new Object3D()).getWorldPosition(new Vector3());
    this.#vrm.scene.updateMatrixWorld(true);
    const head = place('head');
    // From hips to head is about three heads.
    const unit = Math.max(0.05, (head.y - place('hips').y) / 2.4);
    const high = unit * Math.max(2.5, 1.75 / Math.min(1, aspect));
    const far = high / 2 / Math.tan((FIELD_OF_VIEW * Math.PI) / 360);
    this.#camera.aspect = aspect;
    this.#camera.position.set(head.x, head.y + unit * 0.3, head.z + far);
    this.#camera.lookAt(head.x, head.y + unit * 0.3, head.z);
    this.#camera.updateProjectionMatrix();
  }
}
