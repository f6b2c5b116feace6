import { BootstrapStrategyServiceService, PluginKind, ProviderServiceService } from '@wombat/proto/plugin';
import { oneLine } from '../one-line.js';
import { answerMs, askProgram, describeProgram, type ProgramOptions } from './ask-program.js';
import { RemoteDriver } from './remote-driver.js';
import { RemoteStrategy } from './remote-strategy.js';

/**
 * Asks a program what it is.
 *
 * @throws Error that says what it did wrong
 */
export async function loadProgram(options: ProgramOptions): Promise<RemoteDriver | RemoteStrategy> {
  return await askProgram(options, async (session) => {
    const description = await describeProgram(session);
    if (description?.name !== options.program.name) throw new Error(`the program calls itself ${JSON.stringify(oneLine(String(description?.name), 64))}`);
    switch (description.kind) {
      case PluginKind.PROVIDER:
        return new RemoteDriver(options, await session.call(ProviderServiceService.describeProvider, {}, answerMs));
      case PluginKind.BOOTSTRAP_STRATEGY:
        return new RemoteStrategy(options, await session.call(BootstrapStrategyServiceService.describeStrategy, {}, answerMs));
      default:
        throw new Error('it is neither a provider nor a bootstrap strategy');
    }
  });
}
