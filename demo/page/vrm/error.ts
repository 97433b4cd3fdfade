/** Why a file cannot be worn. */
export type VrmFailure = 'too_large' | 'not_vrm' | 'broken' | 'no_webgl';

export class VrmError extends Error {
  readonly code: VrmFailure;

  constructor(code: VrmFailure, options?: ErrorOptions) {
    super(code, options);
    this.code = code;
  }
}
