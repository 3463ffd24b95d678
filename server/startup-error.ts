/** Something that whoever starts the server can put right: its message is one line, shown without a stack. */
export class StartupError extends Error {}
