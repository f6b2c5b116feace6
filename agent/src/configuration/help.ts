import { environmentName, settingNames, settingOf } from './settings.js';

/** What `--help` prints: every setting with its default and its variable. */
export function helpText(): string {
  const lines = settingNames.flatMap((name) => {
    const { argument, meaning, default: value, isList } = settingOf(name);
    const notes = [value === undefined ? undefined : `default ${value}`, isList ? 'may be repeated' : undefined, environmentName(name)];
    return [`  --${name} ${argument}`, `      ${meaning}`, `      (${notes.filter(Boolean).join('; ')})`];
  });
  return [
    'wombat-agent: runs nodes on this host for a Wombat coordinator.',
    '',
    'usage: wombat-agent --coordinator HOST:PORT [--directory DIR] [--join-token-file FILE] ...',
    '',
    ...lines,
    '  --configuration FILE',
    '      a JSON file with the settings above as keys (WOMBAT_AGENT_CONFIGURATION)',
    '  --version',
    '  --help',
    '',
    'A flag wins over the environment, the environment over the file, the file over the default.',
    '',
  ].join('\n');
}
