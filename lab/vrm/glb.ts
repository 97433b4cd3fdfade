/** Triangles with their morph targets, each as x, y, z of its vertices. */
export interface Mesh {
  positions: number[];
  normals: number[];
  indices: number[];
  /** Displacements, one array for each target. All meshes of one glTF mesh have as many. */
  targets: number[][];
}

type Json = Record<string, unknown>;

const FLOAT = 5126;
const UINT16 = 5123;
const GLB_MAGIC = 0x46546c67;
const JSON_CHUNK = 0x4e4f534a;
const BINARY_CHUNK = 0x004e4942;

/** Collects what a glTF holds, and writes it as one binary file (glTF 2.0, section 4). */
export class GlbWriter {
  readonly nodes: Json[] = [];
  readonly meshes: Json[] = [];
  readonly materials: Json[] = [];
  readonly #accessors: Json[] = [];
  readonly #views: Json[] = [];
  readonly #parts: Buffer[] = [];
  #bytes = 0;

  /** Returns the node's number. */
  node(node: Json): number {
    return this.nodes.push(node) - 1;
  }

  /** One mesh of parts, each with its material. Returns its number. */
  mesh(parts: readonly { mesh: Mesh; material: number }[], targetNames: readonly string[] = []): number {
    const primitives = parts.map(({ mesh, material }) => ({
      attributes: { POSITION: this.#vectors(mesh.positions), NORMAL: this.#vectors(mesh.normals) },
      indices: this.#indices(mesh.indices),
      material,
      ...(mesh.targets.length > 0 && { targets: mesh.targets.map((moved) => ({ POSITION: this.#vectors(moved) })) }),
    }));
    return this.meshes.push({ primitives, ...(targetNames.length > 0 && { extras: { targetNames } }) }) - 1;
  }

  /** @param extensions of the whole file, by name */
  write(roots: readonly number[], extensions: Json, more: readonly string[] = []): Uint8Array<ArrayBuffer> {
    const json = {
      asset: { version: '2.0', generator: 'hayate lab/vrm' },
      scene: 0,
      scenes: [{ nodes: roots }],
      nodes: this.nodes,
      meshes: this.meshes,
      materials: this.materials,
      accessors: this.#accessors,
      bufferViews: this.#views,
      buffers: [{ byteLength: this.#bytes }],
      extensionsUsed: [...Object.keys(extensions), ...more],
      extensions,
    };
    const chunks = [
      chunk(JSON_CHUNK, Buffer.from(JSON.stringify(json)), ' '),
      chunk(BINARY_CHUNK, Buffer.concat(this.#parts), '\0'),
    ];
    const header = Buffer.alloc(12);
    header.writeUInt32LE(GLB_MAGIC, 0);
    header.writeUInt32LE(2, 4);
    header.writeUInt32LE(12 + chunks.reduce((sum, each) => sum + each.length, 0), 8);
    return new Uint8Array(Buffer.concat([header, ...chunks]));
  }

  #vectors(values: readonly number[]): number {
    const min = [0, 1, 2].map((axis) => least(values, axis, Math.min));
    const max = [0, 1, 2].map((axis) => least(values, axis, Math.max));
    const view = this.#view(Buffer.from(Float32Array.from(values).buffer));
    const accessor = { bufferView: view, componentType: FLOAT, count: values.length / 3, type: 'VEC3', min, max };
    return this.#accessors.push(accessor) - 1;
  }

  #indices(values: readonly number[]): number {
    const view = this.#view(Buffer.from(Uint16Array.from(values).buffer));
    return this.#accessors.push({ bufferView: view, componentType: UINT16, count: values.length, type: 'SCALAR' }) - 1;
  }

  #view(bytes: Buffer): number {
    const view = { buffer: 0, byteOffset: this.#bytes, byteLength: bytes.length };
    const padded = Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
    this.#parts.push(padded);
    this.#bytes += padded.length;
    return this.#views.push(view) - 1;
  }
}

function least(values: readonly number[], axis: number, pick: (a: number, b: number) => number): number {
  let found = Math.fround(values[axis]!);
  for (let at = axis; at < values.length; at += 3) found = pick(found, Math.fround(values[at]!));
  return found;
}

function chunk(type: number, body: Buffer, padding: string): Buffer {
  const header = Buffer.alloc(8);
  const pad = Buffer.alloc((4 - (body.length % 4)) % 4, padding);
  header.writeUInt32LE(body.length + pad.length, 0);
  header.writeUInt32LE(type, 4);
  return Buffer.concat([header, body, pad]);
}
