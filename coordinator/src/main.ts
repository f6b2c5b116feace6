import { catalogue, errorBlock, SteadyClock, WombatError, wombatVersion } from '@wombat/proto';
import { armFailpoints, failpointsVariable } from '@wombat/proto/failpoints';
import { compose } from './compose.js';
import { runRestore, takeRestore } from './backup/restore-command.js';
import { namedConfigurationFile } from './configuration/configuration-file.js';
import { helpText } from './configuration/help.js';
import { loadConfiguration } from './configuration/load-configuration.js';
import { configurationTemplate } from './configuration/template.js';
import { layGrounds } from './grounds.js';
import { openLog } from './log.js';

const stopTimeoutMs = 10_000;

async function main(given: readonly string[]): Promise<void> {
  if (given.includes('--help') || given.includes('-h')) return void process.stdout.write(helpText());
  if (given.includes('--version')) return void process.stdout.write(`${wombatVersion}\n`);
  if (given.includes('--print-configuration')) return void process.stdout.write(configurationTemplate());
  const { archive, rest: argv } = takeRestore(given);
  const configuration = loadConfiguration({ argv, environment: process.env });
  if (archive !== undefined) return runRestore(archive, configuration);
  const log = openLog(configuration.log);
  const armed = armFailpoints(process.env[failpointsVariable]);
  if (armed !== undefined) log.warn({ armed }, 'failpoints are armed: this coordinator is made to fail');
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'a promise was rejected and nobody heard'));
  const coordinator = compose(configuration, await layGrounds(configuration, new SteadyClock(), log, namedConfigurationFile(argv, process.env)), log);
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => process.exit(1), stopTimeoutMs).unref();
    void coordinator.stop().then(() => process.exit(0), fail);
  };
  process.on('SIGTERM', stop).on('SIGINT', stop);
  await coordinator.start();
}

function fail(caught: unknown): never {
  const error = WombatError.from(caught);
  const { meaning, exit } = catalogue[error.code];
  process.stderr.write(`${errorBlock(error, meaning)}\n`);
  process.exit(exit);
}

main(process.argv.slice(2)).catch(fail);
