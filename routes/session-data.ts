declare module '../src/sessions/session-data.js' {
  interface SessionData {
    userId?: string;
  }
}
