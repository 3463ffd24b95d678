/** One line on stderr that says what runs and what is left; on a terminal it overwrites itself. */
export interface Progress {
  show(what: string): void;
  end(): void;
}

export function progressOf(total: number): Progress {
  const began = performance.now();
  let done = 0;
  return {
    show(what: string): void {
      const perStep = (performance.now() - began) / Math.max(1, done);
      const left = done === 0 ? '' : `, about ${Math.ceil(((total - done) * perStep) / 1000)} s left`;
      const line = `[${done + 1}/${total}${left}] ${what}`;
      if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`);
      else if (done % 20 === 0) process.stderr.write(`${line}\n`);
      done++;
    },
    end(): void {
      if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
    },
  };
}
