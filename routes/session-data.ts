declare module '../src/session-data.js' {
  interface SessionData {
    userId?: string;
  }
}
