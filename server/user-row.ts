import type { User } from '../routes/user-repository.js';

export const USER_COLUMNS = 'id, position, email, name, created_at, updated_at';

export interface UserRow {
  id: string;
  /** A bigint, which pg hands over as text. */
  position: string;
  email: string;
  name: string;
  created_at: Date;
  updated_at: Date;
}

export function toUser(row: UserRow): User {
  return {
    id: row.id,
    email: row.email,
    name: row.name,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  };
}
