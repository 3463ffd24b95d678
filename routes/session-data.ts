declare module '../src/sessions/index.js' {
  interface SessionData {
    userId?: string;
  }
}
