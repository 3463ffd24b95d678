// on-node.ts MAJOR FILE ARGUMENT…: runs a program on another Node than the machine's.
import { spawn } from 'node:child_process';
import { chosenNode } from './chosen-node.js';

const [major, ...program] = process.argv.slice(2);
const { path, version } = chosenNode(major);
console.log(`On Node ${version}`);
spawn(path, program, { stdio: 'inherit' }).once('exit', (code, signal) => {
  process.exitCode = code ?? (signal ? 1 : 0);
});
