import { catalogue, errorBlock, systemClock, WombatError, wombatVersion } from '@wombat/proto';
import { compose } from './compose.js';
import { helpText } from './configuration/help.js';
import { loadConfiguration } from './configuration/load-configuration.js';
import { layGrounds } from './grounds.js';
import { openLog } from './log.js';

const stopTimeoutMs = 10_000;

async function main(argv: readonly string[]): Promise<void> {
  if (argv.includes('--help') || argv.includes('-h')) return void process.stdout.write(helpText());
  if (argv.includes('--version')) return void process.stdout.write(`${wombatVersion}\n`);
  const configuration = loadConfiguration({ argv, environment: process.env });
  const log = openLog(configuration.log);
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'a promise was rejected and nobody heard'));
  const coordinator = compose(configuration, await layGrounds(configuration, systemClock, log), log);
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
