/** What happened to whom; what a user looks like now is to be read. */
export interface UserEvent {
  type: 'created' | 'changed' | 'deleted';
  id: string;
}

export interface UserEvents {
  /** Never rejects: a change is not undone because nobody could be told of it. */
  tell(event: UserEvent): Promise<void>;
  /** What is told in any process from when `ready` resolves until the signal is aborted. */
  stream(signal: AbortSignal): AsyncIterable<UserEvent> & { readonly ready: Promise<void> };
  /** Events may have been missed. */
  onGap(tell: () => void): () => void;
}
