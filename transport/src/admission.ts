/** Who may open a session: decided before one exists, with an HTTP status. */
export interface AdmissionOptions {
  /** Exact paths, without query. Default: any. */
  paths?: string[];
  /** Exact origins. A client without an origin (not a browser) is let in. Default: any. */
  origins?: string[];
  /** Sessions at a time. Default: no limit. */
  maxSessions?: number;
}

export type Admission = 200 | 403 | 404 | 503;

export function admit(
  options: AdmissionOptions,
  request: { path: string; origin: string | undefined; openSessions: number; draining: boolean },
): Admission {
  const path = request.path.split('?', 1)[0] ?? '';
  if (options.paths !== undefined && !options.paths.includes(path)) return 404;
  if (options.origins !== undefined && request.origin !== undefined && !options.origins.includes(request.origin))
    return 403;
  if (request.draining) return 503;
  if (options.maxSessions !== undefined && request.openSessions >= options.maxSessions) return 503;
  return 200;
}
