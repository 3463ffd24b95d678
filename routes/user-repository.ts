export interface User {
  id: string;
  email: string;
  name: string;
  createdAt: string;
  updatedAt: string;
}

export interface NewUser {
  email: string;
  name: string;
  password: string;
}

export interface UserChanges {
  email?: string | undefined;
  name?: string | undefined;
}

export interface UserRepository {
  /** In the order of creation. The next page begins after `next`, which is null on the last page. */
  list(page: { limit: number; after?: string | undefined }): Promise<{ users: User[]; next: string | null }>;
  get(id: string): Promise<User | undefined>;
  /** Rejects with EmailTakenError, as does `patch`. */
  create(user: NewUser): Promise<User>;
  patch(id: string, changes: UserChanges): Promise<User | undefined>;
  delete(id: string): Promise<boolean>;
}

export class EmailTakenError extends Error {
  override readonly name = 'EmailTakenError';

  constructor() {
    super('another user has this email');
  }
}
