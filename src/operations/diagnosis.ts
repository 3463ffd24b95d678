/** What one check found, and what that means for limits, sessions and cache. */
export interface Diagnosis {
  readonly check: string;
  /** Which server of a Cluster. */
  readonly server?: string;
  readonly level: 'ok' | 'warning' | 'problem';
  readonly found: string;
  readonly means: string;
}
