/** How a command is asked. */
export interface Ask {
  /** Deadline in milliseconds. */
  readonly timeoutMs: number;
  /** Bulk strings of the reply as `string` (default) or as `Buffer`. */
  readonly as?: 'text' | 'bytes';
  /** For a command without a key: a Cluster routes it to the node that holds this key. */
  readonly routeBy?: string;
  /** A question of the operator, not of a request: its deadline says nothing about how slow Redis may be. */
  readonly isCheck?: boolean;
}
