import type { Mesh } from './glb.ts';

type Vector = readonly [x: number, y: number, z: number];
export type Move = (x: number, y: number, z: number) => Vector;

/** A grid over u and v (0..1 each); normals from its neighbours. */
function grid(across: number, along: number, at: (u: number, v: number) => Vector): Mesh {
  const positions: number[] = [];
  const normals: number[] = [];
  const indices: number[] = [];
  const small = 1e-4;
  for (let j = 0; j <= along; j += 1) {
    for (let i = 0; i <= across; i += 1) {
      const [u, v] = [i / across, j / along];
      const here = at(u, v);
      const inside = Math.min(1 - small, Math.max(small, v));
      const [a, b] = [at(u - small, inside), at(u + small, inside)];
      const [c, d] = [at(u, inside - small), at(u, inside + small)];
      const [ux, uy, uz] = [b[0] - a[0], b[1] - a[1], b[2] - a[2]];
      const [vx, vy, vz] = [d[0] - c[0], d[1] - c[1], d[2] - c[2]];
      const normal = [vy * uz - vz * uy, vz * ux - vx * uz, vx * uy - vy * ux];
      const long = Math.hypot(...normal) || 1;
      positions.push(...here);
      normals.push(...normal.map((part) => part / long));
    }
  }
  const row = across + 1;
  for (let j = 0; j < along; j += 1) {
    for (let i = 0; i < across; i += 1) {
      const corner = j * row + i;
      indices.push(corner, corner + row, corner + 1, corner + 1, corner + row, corner + row + 1);
    }
  }
  return { positions, normals, indices, targets: [] };
}

/** An ellipsoid about a centre; `from` and `to` cut it, 0 at its top and 1 at its foot. */
export function ellipsoid(centre: Vector, radii: Vector, detail = 20, from = 0, to = 1): Mesh {
  return grid(detail, Math.ceil(detail * 0.7), (u, v) => {
    const turn = 2 * Math.PI * u;
    const down = Math.PI * (from + (to - from) * v);
    return [
      centre[0] + radii[0] * Math.sin(down) * Math.sin(turn),
      centre[1] + radii[1] * Math.cos(down),
      centre[2] + radii[2] * Math.sin(down) * Math.cos(turn),
    ];
  });
}

/** A round body about the y axis from `top` to `foot`, whose radius at each height is given. */
export function lathe(top: number, foot: number, radius: (v: number) => number, deep = 1, x = 0, z = 0): Mesh {
  return grid(20, 10, (u, v) => {
    const turn = 2 * Math.PI * u;
    return [x + radius(v) * Math.sin(turn), top + (foot - top) * v, z + radius(v) * Math.cos(turn) * deep];
  });
}

/** Several meshes as one. */
export function joined(...meshes: readonly Mesh[]): Mesh {
  const all: Mesh = { positions: [], normals: [], indices: [], targets: [] };
  for (const mesh of meshes) {
    const first = all.positions.length / 3;
    for (const index of mesh.indices) all.indices.push(first + index);
    for (const value of mesh.positions) all.positions.push(value);
    for (const value of mesh.normals) all.normals.push(value);
  }
  return all;
}

/** The same mesh with a morph target for each move: how far it takes a vertex. */
export function morphed(mesh: Mesh, moves: readonly Move[]): Mesh {
  const targets = moves.map((move) => {
    const moved: number[] = [];
    for (let at = 0; at < mesh.positions.length; at += 3) {
      const [x, y, z] = mesh.positions.slice(at, at + 3) as [number, number, number];
      for (const part of move(x, y, z)) moved.push(part);
    }
    return moved;
  });
  return { ...mesh, targets };
}
