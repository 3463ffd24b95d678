/** What every session holds. */
export const SESSION = {
  userId: '5f0c6a52-7d1e-4d3c-9a55-0b6b8f6a6f10',
  name: 'Ada Lovelace',
  roles: ['member', 'editor'],
  csrfToken: 'kq0Zb1wF8mJt2yXhRr3uS9aGvDn5Lc7P',
  visits: 0,
};

/** A JSON document of about so many bytes. */
export function jsonOf(bytes: number): string {
  const row = {
    id: 42,
    name: 'Ada Lovelace',
    email: 'ada@example.com',
    city: 'London',
    joined: '1843-09-01',
  };
  const rows = Math.round(bytes / (JSON.stringify(row).length + 1));
  return JSON.stringify(Array.from({ length: rows }, (_, id) => ({ ...row, id: 10_000 + id })));
}
