import { readFileSync } from 'node:fs';

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

const SHOWN_CHARACTERS = 3_000;

const [path] = process.argv.slice(2);
const { testResults } = JSON.parse(readFileSync(path!, 'utf8')) as Report;
for (const { name, status, message, assertionResults } of testResults) {
  const failed = assertionResults.filter((result) => result.status === 'failed');
  for (const { fullName, failureMessages } of failed) {
    console.log(`\nFAILED ${name} > ${fullName}\n${failureMessages.join('\n').slice(0, SHOWN_CHARACTERS)}`);
  }
  if (status === 'failed' && failed.length === 0) console.log(`\nFAILED ${name}\n${message}`);
}
