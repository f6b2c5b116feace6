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
    'examples:',
    '  wombat-agent --coordinator wombat.example.org:7421 --join-token-file /root/join-token',
    '      joins, once, with the token that wo token create has printed, and serves',
    '  wombat-agent --coordinator 127.0.0.1:7421 --directory ./agent --label rack=b2 --log-level debug',
    '      joined already; another directory, a label that domains can ask for, and all that it does in the log',
    '',
    ...lines,
    '  --configuration FILE',
    '      a JSON file with the settings above as keys (WOMBAT_AGENT_CONFIGURATION)',
    '  --version',
    '      print the version, and end',
    '  -h, --help',
    '      print this, and end',
    '',
    'A flag wins over the environment, the environment over the file, the file over the default.',
    '',
    'exit codes:',
    '  0  it was stopped by TERM or INT; its nodes run on',
    '  1  something failed',
    '  2  the configuration is not right, or another agent works in the directory',
    '  Errors have a code; wo explain CODE tells which exit code is its own.',
    '',
  ].join('\n');
}
