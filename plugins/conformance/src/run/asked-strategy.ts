import type { Member, Note, Step } from '@wombat/plugin-sdk';
import { readInputs, readLeave, readMemberNames, readSteps } from '@wombat/plugin-sdk/host';
import { BootstrapStrategyServiceService as methods } from '@wombat/proto/plugin';
import type { RunningProgram } from './running-program.js';

/** The questions of a coordinator, for a family with certain options; answers are checked as it checks them. */
export class AskedStrategy {
  readonly #program: RunningProgram;
  readonly #options: string;

  constructor(program: RunningProgram, options: Readonly<Record<string, string>>) {
    this.#program = program;
    this.#options = JSON.stringify(options);
  }

  async validate(options: Readonly<Record<string, string>>): Promise<readonly Note[]> {
    return (await this.#program.call(methods.validateOptions, { options: JSON.stringify(options) })).notes;
  }

  async planInputs(self: Member, contacts: readonly Member[]): Promise<Readonly<Record<string, string>>> {
    return readInputs((await this.#program.call(methods.planInputs, { options: this.#options, self, contacts: [...contacts] })).inputs);
  }

  async planJoin(self: Member, contacts: readonly Member[]): Promise<readonly Step[]> {
    return readSteps((await this.#program.call(methods.planJoin, { options: this.#options, familyName: 'Conformance', self, contacts: [...contacts] })).steps);
  }

  async planCheck(self: Member): Promise<readonly Step[]> {
    return readSteps((await this.#program.call(methods.planCheck, { options: this.#options, self })).steps);
  }

  async readMembers(self: Member, output: string | Uint8Array): Promise<readonly string[]> {
    return readMemberNames((await this.#program.call(methods.readMembers, { options: this.#options, self, output: Buffer.from(output) })).members);
  }

  async planLeave(leaving: Member, survivors: readonly Member[]): Promise<{ readonly runner: Member; readonly steps: readonly Step[] }> {
    const answer = await this.#program.call(methods.planLeave, { options: this.#options, leaving, survivors: [...survivors] });
    const { runOnNodeId, steps } = readLeave(answer, [leaving, ...survivors]);
    return { runner: survivors.find(({ nodeId }) => nodeId === runOnNodeId) ?? leaving, steps };
  }
}
