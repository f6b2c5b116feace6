import { create } from './create.js';

const usage = `create-wombat-plugin DIRECTORY [--name NAME]

Makes a directory with a small provider for Wombat, its test and a README. NAME is the driver's name; by default that of the directory.
`;

/** The command. Answers its exit code: 2 when it was asked wrongly, 1 when it could not be done. */
export async function main(words: readonly string[]): Promise<number> {
  const [directory, flag, name, ...rest] = words;
  const isHelp = words.includes('--help') || words.includes('-h');
  if (isHelp || directory === undefined || directory.startsWith('-') || rest.length > 0 || (flag !== undefined && (flag !== '--name' || name === undefined))) {
    (isHelp ? process.stdout : process.stderr).write(usage);
    return isHelp ? 0 : 2;
  }
  try {
    const made = await create({ directory, ...(name === undefined ? {} : { name }) });
    process.stdout.write(`The provider ${made.name} is in ${directory}. Next:\n\n  cd ${directory}\n  npm install\n  npm test\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`create-wombat-plugin: ${(error as Error).message}\n`);
    return 1;
  }
}
